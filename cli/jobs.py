"""Tasks as jobs of Procrastinate: which there are, when each comes up again, and of which there is one at a time."""

import threading
import time
from collections.abc import Callable
from functools import cached_property, partial

from procrastinate import App, JobContext
from procrastinate.jobs import Job
from sqlalchemy.exc import SQLAlchemyError

from cli.beside import Queue, Task
from cli.context import Context, clock
from cli.judging import Judging
from cli.tasks import tasks
from overheard.db import make_reading_sessions
from overheard.listening import judging_queue
from overheard.operations import jobs

COLLECT, CLASSIFY = "collect", "classify"

_LOOK_EVERY = 5.0  # seconds between two looks for what a lost job would have done
_JUDGE_AGAIN_EVERY = 10.0
_FILL = 0.2  # seconds in which more may come in, so that they are judged together

# Seconds for which an account is read before another one that finds no worker may have its place.
_TURN = 60.0


class Jobs:
    """What a worker can do."""

    def __init__(self, context: Context, stop: threading.Event) -> None:
        self._context, self._stop = context, stop

    @cached_property
    def judging(self) -> Judging:
        """The model at work."""
        return Judging(self._context, self._stop, is_shared=True)

    def register(self, app: App, *, schedules: bool) -> None:
        """Make all jobs known to an app. One that schedules also defers those that come up again by the clock."""
        app.task(name=COLLECT, queue=Queue.COLLECT, pass_context=True)(self.collect)
        app.task(name=CLASSIFY, queue=Queue.CLASSIFY)(self.classify)
        for task in self._tasks:
            known = app.task(name=task.name, queue=task.queue, lock=task.name, queueing_lock=task.name)(
                partial(_do, task.once)
            )
            if schedules:
                app.periodic(cron=cron(task.every))(known)

    @cached_property
    def _tasks(self) -> list[Task]:
        return [
            Task("find accounts", Queue.UPKEEP, _LOOK_EVERY, self.find_accounts),
            Task("find unjudged", Queue.UPKEEP, _LOOK_EVERY, self.find_unjudged),
            Task("jobs", Queue.UPKEEP, _LOOK_EVERY, self.tidy),
            Task("judge again", Queue.CLASSIFY, _JUDGE_AGAIN_EVERY, self.judge_again),
            *tasks(self._context, self._stop),
        ]

    # --- reading ---------------------------------------------------------------------------------------------------

    def find_accounts(self) -> None:
        """Have each account read that nobody reads."""
        from collectors.run import lanes

        with self._context.sessions.begin() as session:
            for mode, credential_id in sorted({lane.key for lane in lanes(session)}, key=str):
                lock = _lock(mode, credential_id)
                if not jobs.is_there(session, lock):
                    args = {"mode": mode, "credential_id": credential_id}
                    jobs.defer(session, COLLECT, queue=Queue.COLLECT, lock=lock, queueing_lock=lock, args=args)

    def collect(self, job: JobContext, mode: str, credential_id: int | None) -> None:
        """Read an account's sources, each when it is due, and listen where it listens. It stays, unless the worker
        ends, the account was given to another one, or another account waits for a place and finds none.
        """
        from collectors.watch import Watch

        watch = Watch(self._context.sessions, self._context.settings, clock)
        watch.hold((mode, credential_id), until=_Turn(self._context, self._stop, job.job))

    # --- judging ---------------------------------------------------------------------------------------------------

    def find_unjudged(self) -> None:
        """Have posts judged that wait, should nobody have been told of them."""
        with self._context.sessions.begin() as session:
            if judging_queue.waiting(session, at_most=1) and not jobs.is_waiting(session, CLASSIFY):
                judging_queue.call(session)

    def classify(self) -> None:
        """Judge what came in. Where that is more than one batch, another worker is called to help."""
        from classifier.backlog import BATCH

        with self._context.sessions() as session:
            is_full = judging_queue.waiting(session, at_most=BATCH) == BATCH
        if not is_full:
            self._stop.wait(_FILL)
        with self._context.sessions.begin() as session:
            jobs.take_waiting(session, CLASSIFY)  # what they were deferred for is judged here
            if judging_queue.waiting(session, at_most=BATCH + 1) > BATCH:
                judging_queue.call(session)
        self.judging.fresh()

    def judge_again(self) -> None:
        """What follows from what was judged and from what people changed."""
        while self.judging.once() and not self._stop.is_set():
            with self._context.sessions() as session:
                if jobs.is_waiting(session, CLASSIFY):
                    return  # what just came in is first

    # --- the jobs themselves ---------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Jobs of workers that died wait again, and old ones that failed go."""
        with self._context.sessions.begin() as session:
            jobs.take_back(session)
            jobs.prune(session)


class _Turn:
    """Whether an account is to be let go."""

    def __init__(self, context: Context, stop: threading.Event, job: Job) -> None:
        self._context, self._stop, self._job = context, stop, job
        self._began, self._waited = time.monotonic(), 0

    def __call__(self) -> bool:
        if self._stop.is_set():
            return True
        try:
            with make_reading_sessions(self._context.engine)() as session:
                if not jobs.is_held(session, self._job.id or 0, self._job.worker_id):
                    return True
                is_wanted = time.monotonic() - self._began > _TURN and jobs.is_held_up(session, Queue.COLLECT)
        except SQLAlchemyError:  # the database is away: whoever asks next is told
            return False
        self._waited = self._waited + 1 if is_wanted else 0
        return self._waited > _LOOK_EVERY  # looks, a second apart: somebody with a free place would have come


def _do(once: Callable[[], object], timestamp: int | None = None) -> None:  # noqa: ARG001 - when it came up
    once()


def _lock(mode: str, credential_id: int | None) -> str:
    return f"{COLLECT} {mode} {credential_id or ''}".strip()


def cron(seconds: float) -> str:
    """Every so many seconds, as cron says it, with seconds in a sixth place."""
    minutes, rest = divmod(int(seconds), 60)
    return f"* * * * * */{rest}" if rest else f"{'*' if minutes == 1 else f'*/{minutes}'} * * * *"
