"""The model of this process at work: what came in is judged, and what was judged is looked through again."""

import threading
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from cli.context import Context, clock
from overheard.home import secret_key
from overheard.labelling import samples
from overheard.modelling import drift

if TYPE_CHECKING:
    from classifier.in_use import InUse
    from classifier.meaning import Meaning
    from classifier.run import Classified
    from classifier.shadow import Shadow

# Posts judged anew in one pass, when another model has taken over: answers, samples and the shadow wait no longer.
_AGAIN = 1024


class Judging:
    """What needs the model. It is loaded when it is needed first; its memory is that of the process."""

    def __init__(self, context: Context, stop: threading.Event, *, is_shared: bool = False) -> None:
        """`stop` ends a run at its next batch. `is_shared`: other workers judge too."""
        from classifier.looking_back import LookingBack

        self._context, self._stop, self._is_shared = context, stop, is_shared
        self._looking_back, self._told = LookingBack(), date.min

    @cached_property
    def in_use(self) -> "InUse":
        """The model in use."""
        from classifier.in_use import InUse
        from classifier.model import make_loader

        context = self._context
        return InUse(context.sessions, context.settings, make_loader(context.settings))

    @cached_property
    def _shadow(self) -> "Shadow":
        from classifier.model import make_loader
        from classifier.shadow import Shadow

        context = self._context
        return Shadow(context.sessions, context.settings, make_loader(context.settings))

    @cached_property
    def _meaning(self) -> "Meaning":
        from classifier.meaning import Meaning

        return Meaning(self._context.settings.encoder_path, self._context.settings.precision)

    def fresh(self) -> "Classified":
        """Judge what no model has judged, until nothing of it is left."""
        return self._classify(only_fresh=True)

    def once(self) -> bool:
        """Judge what came in, and do what follows from it and from what people changed; whether more is to be done at
        once.
        """
        from classifier.answers import propose_pending

        done = self._classify()
        sessions, model = self._context.sessions, self.in_use.judge()
        with sessions.begin() as session:
            samples.draw(
                session, clock(), model_version=model.version, threshold=model.threshold,
                key=secret_key(self._context.settings),
            )  # fmt: skip
        propose_pending(sessions)
        unseen = self._shadow.judge_batch(clock=clock)
        if self._told != clock().date():
            with sessions.begin() as session:
                drift.tell(session, model_version=model.version, threshold=model.threshold, now=clock())
            self._told = clock().date()
        return not done.is_done or unseen > 0

    def _classify(self, *, only_fresh: bool = False) -> "Classified":
        from classifier.run import classify_pending

        return classify_pending(
            self._context.sessions,
            self.in_use.judge(),
            meaning=self._meaning,
            clock=clock,
            key=secret_key(self._context.settings),
            is_current=lambda session: not self._stop.is_set() and self.in_use.is_current(session),
            again=_AGAIN,
            looking_back=self._looking_back,
            only_fresh=only_fresh,
            is_shared=self._is_shared,
        )
