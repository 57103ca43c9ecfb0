"""`overheard worker`: one of as many as are wanted, on as many machines, which share their work in PostgreSQL.

Procrastinate carries the jobs (decision 15); what they do is what one process does on SQLite. How they are laid out,
and why none of them can lose or double anything, stands in docs/scale.md.
"""

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import psycopg
import typer
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from cli.beside import Queue
from cli.context import Context, start
from cli.jobs import Jobs
from cli.retrain import must_be_able_to_retrain
from overheard.errors import InvalidInput, OverheardError
from overheard.log import configure_log

logger = logging.getLogger(__name__)

_AT_ONCE = {Queue.COLLECT: 16, Queue.CLASSIFY: 1, Queue.SEND: 4, Queue.UPKEEP: 2, Queue.TRAIN: 1}

_STOPS_WITHIN = 7.0  # seconds, of the ten there are; what is not done by then is done by another worker
_BEAT = 5.0
_AGAIN = 2.0  # seconds until the database is asked again when it was away

# PostgreSQL is told of a machine that vanished by its own probes, after two hours unless asked for earlier.
_PROBES = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}


def worker(
    *,
    queues: Annotated[
        str, typer.Option(help="Queues to work on, separated by commas: collect, classify, send, upkeep, train.")
    ] = ",".join(Queue),
    concurrency: Annotated[
        int | None,
        typer.Option(
            help="Jobs at once in each queue but classify, where it is always one; default: as is sensible.", min=1
        ),
    ] = None,
) -> None:
    """Work beside other workers, on this machine and others, until interrupted. Needs PostgreSQL."""
    context = start()
    if not is_shared(context):
        raise OverheardError(
            "Workers share their work in PostgreSQL, and this database is SQLite, where one process does it all: use "
            "`overheard run`, or set OVERHEARD_DATABASE_URL to a PostgreSQL (docs/scale.md)."
        )
    configure_log(as_json=context.settings.log_json)
    work(context, _chosen(queues), concurrency=concurrency)


def is_shared(context: Context) -> bool:
    """Whether several processes can share the work: on PostgreSQL."""
    return context.engine.dialect.name == "postgresql"


def _chosen(queues: str) -> list[Queue]:
    names = [name.strip() for name in queues.split(",") if name.strip()]
    unknown = [name for name in names if name not in set(Queue)]
    if unknown or not names:
        raise InvalidInput(f"There is no queue {unknown[0] if unknown else queues!r}: choose of {', '.join(Queue)}.")
    return [queue for queue in Queue if queue in names]


def work(context: Context, queues: Iterable[Queue] = Queue, *, concurrency: int | None = None) -> None:
    """Do jobs of these queues until interrupted."""
    logging.getLogger("procrastinate").setLevel(logging.WARNING)  # it tells of every job
    stop = threading.Event()
    jobs = Jobs(context, stop)
    if Queue.TRAIN in queues:
        must_be_able_to_retrain(context)
    if Queue.CLASSIFY in queues:
        jobs.judging.in_use.judge()  # before anything else is begun: without a model nothing here makes sense
    asyncio.run(_Working(context, jobs, stop, concurrency).run(list(queues)))


class _Working:
    """One of Procrastinate's workers for each queue, in one event loop; the jobs themselves run in threads."""

    def __init__(self, context: Context, jobs: Jobs, stop: threading.Event, concurrency: int | None) -> None:
        self._jobs, self._stop, self._running = jobs, stop, set[Worker]()
        self._conninfo = context.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._at_once = {queue: concurrency or most for queue, most in _AT_ONCE.items()} | {Queue.CLASSIFY: 1}

    async def run(self, queues: list[Queue]) -> None:
        loop = asyncio.get_running_loop()
        threads = sum(self._at_once[queue] for queue in queues) + len(queues)
        loop.set_default_executor(ThreadPoolExecutor(threads, thread_name_prefix="job"))
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        logger.info("Working on %s", ", ".join(queues), extra={"action": "worker_started"})
        try:
            await asyncio.gather(*(self._keep(queue, schedules=queue is queues[0]) for queue in queues))
        finally:
            self._end()  # where something broke that nobody foresaw: whoever started this process starts it again
        logger.info("Worked to the end", extra={"action": "worker_ended"})

    async def _keep(self, queue: Queue, *, schedules: bool) -> None:
        """Keep a worker for this queue, whatever becomes of the database."""
        while not self._stop.is_set():
            connector = PsycopgConnector(conninfo=self._conninfo, kwargs=_PROBES, min_size=1, max_size=4)
            app = App(connector=connector)
            self._jobs.register(app, schedules=schedules)
            try:
                async with app.open_async():
                    await self._work(app, queue)
            except (ConnectorException, psycopg.Error):
                logger.exception("The database was away", extra={"action": "worker_failed", "queue": queue.value})
            if not self._stop.is_set():
                await asyncio.sleep(_AGAIN)

    async def _work(self, app: App, queue: Queue) -> None:
        worker = Worker(
            app,
            queues=[queue.value],
            name=queue.value,
            concurrency=self._at_once[queue],
            fetch_job_polling_interval=1.0,
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=_BEAT,
        )
        self._running.add(worker)
        try:
            if not self._stop.is_set():
                await worker.run()  # type: ignore[no-untyped-call] # as all of Procrastinate's worker
        finally:
            self._running.discard(worker)

    def _end(self) -> None:
        if self._stop.is_set():
            return
        self._stop.set()
        for worker in self._running:
            worker.stop()  # type: ignore[no-untyped-call]
        watchdog = threading.Timer(_STOPS_WITHIN, _give_up)
        watchdog.daemon = True
        watchdog.start()


def _give_up() -> None:
    """What a job does is committed as a whole or not at all, so ending it anywhere is harmless."""
    logger.warning("A job did not end in time: another worker does it", extra={"action": "worker_gave_up"})
    logging.shutdown()
    os._exit(0)
