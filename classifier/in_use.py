"""The judge in use, while people change which one that is."""

import logging
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from classifier.model import seen_in
from classifier.own_heads import ManyHeaded
from classifier.registry import champion, own_folders
from classifier.run import Judge
from overheard.db import Sessions
from overheard.errors import OverheardError
from overheard.leads.qualify import take_up
from overheard.models import Prediction
from overheard.settings import Settings

logger = logging.getLogger(__name__)

_AT_ONCE = 1000  # predictions removed between two commits


class InUse:
    """Loads the champion, and another one when that takes its place.

    A version that cannot be loaded leaves the one before at work: the queue goes on.
    """

    def __init__(self, sessions: Sessions, settings: Settings, load: Callable[[Path], Judge]) -> None:
        """`load`: gives the judge in a folder; `classifier.model.load_model`."""
        self._sessions, self._settings, self._load = sessions, settings, load
        self._folder: Path | None = None
        self._judge: Judge | None = None
        self._heads: dict[int, Path] = {}

    def judge(self) -> Judge:
        """The one in use, as of now. What it said before, if it was in use once, counts again."""
        with self._sessions() as session:
            folder, heads = champion(session, self._settings), own_folders(session, self._settings)
        if self._judge is None or folder != self._folder:
            self._judge = self._loaded(folder)
            self._folder, self._heads = folder, {}
            take_over(self._sessions, self._judge)
        if heads != self._heads:
            self._take(self._judge, heads)
            self._heads = heads
        return self._judge

    def is_current(self, session: Session) -> bool:
        """Whether nobody else has taken its place, nor that of a campaign's own head: two looks at indexes."""
        is_same = champion(session, self._settings) == self._folder
        return is_same and own_folders(session, self._settings) == self._heads

    def _take(self, judge: Judge, heads: dict[int, Path]) -> None:
        """One that cannot be used leaves the shared head alone at work."""
        if not isinstance(judge, ManyHeaded) or self._folder is None:
            return
        try:
            seen = seen_in(self._folder)
            judge.take_heads({number: head for number, head in heads.items() if seen_in(head) == seen})
        except OverheardError:
            judge.take_heads({})
            logger.exception(
                "Campaigns' own heads cannot be used; the shared one judges", extra={"action": "not_loaded"}
            )

    def _loaded(self, folder: Path) -> Judge:
        try:
            return self._load(folder)
        except OverheardError:
            if self._judge is None:
                raise
            logger.exception(
                "The model in %s cannot be used; %s goes on",
                folder,
                self._judge.version,
                extra={"action": "not_loaded"},
            )
            return self._judge


def take_over(sessions: Sessions, judge: Judge) -> None:
    """Let what this version said earlier stand again: its words are those of its leads, and no other version's word
    about a post is newer. After a roll back nothing has to be judged a second time.

    Killed and run again, it goes on.
    """
    while True:
        with sessions.begin() as session:
            if not take_up(session, model_version=judge.version, threshold=judge.threshold):
                break
    mine = aliased(Prediction)
    outdated = (
        sa.select(Prediction.id)
        .join(mine, (mine.post_id == Prediction.post_id) & (mine.model_version == judge.version))
        .where(Prediction.model_version != judge.version, Prediction.id > mine.id)
        .limit(_AT_ONCE)
    )
    while True:
        with sessions.begin() as session:
            ids = session.scalars(outdated).all()
            session.execute(sa.delete(Prediction).where(Prediction.id.in_(ids)))
        if len(ids) < _AT_ONCE:
            return
