"""The worker that pushes leads to CRMs and asks what has moved there. It may be ended at any line."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from collectors.crm import open_crm
from collectors.crm.base import Crm
from overheard.crm import connections, pushes, returns
from overheard.crm.connections import Access
from overheard.crm.records import Pushed, Record, RecordGone, RemoteStage
from overheard.db import Sessions
from overheard.errors import CollectorError, OverheardError
from overheard.models import CrmConnection
from overheard.notifications.outbound_vocabulary import CrmPlatform
from overheard.settings import Settings
from overheard.tracing import step

logger = logging.getLogger(__name__)

_BATCH = 100
_REST = timedelta(minutes=5)


@dataclass
class Tally:
    """What one pass did."""

    pushed: int = 0
    failed: int = 0
    moved: int = 0
    """Leads that followed their records."""


@dataclass
class CrmWorker:
    """Pushes and asks. Several may run: the database gives each lead to one at a time."""

    sessions: Sessions
    settings: Settings
    clock: Callable[[], datetime]
    _open: dict[Access, Crm] = field(default_factory=dict)

    def run_once(self) -> Tally:
        """Push what is due, then ask what has moved."""
        tally, self._open = Tally(), {}
        while True:
            with self.sessions.begin() as session:
                job = pushes.take(session, self.settings, self.clock())
            if job is None:
                break
            with step("push to a CRM", link=job.link_id):
                outcome = self.attempt(job)
            with self.sessions.begin() as session:
                pushes.settle(session, job, outcome, now=self.clock())
            has_failed = isinstance(outcome, OverheardError) and not isinstance(outcome, RecordGone)
            tally.failed += has_failed
            tally.pushed += not has_failed
        with self.sessions.begin() as session:
            due = returns.due(session, self.clock())
        for connection in due:
            tally.moved += self._poll(connection)
        with self.sessions.begin() as session:
            pushes.tidy(session, self.clock())
        return tally

    def attempt(self, job: pushes.Job) -> Pushed | OverheardError | None:
        """One push, or one taking back; what came of it."""
        try:
            crm = self._client(job.access)
            if job.is_erasure:
                crm.forget(job.record)
                return None
            return crm.push(job.record)
        except OverheardError as error:
            action = {"action": "crm_push_failed", "link": job.link_id}
            logger.warning("A push to a CRM failed.", extra=action)
            return error

    def _poll(self, connection: CrmConnection) -> int:
        moved = 0
        try:
            access = connections.access_of(self.settings, connection)
            with self.sessions() as session:
                links = returns.linked(session, connection.id)
            for start in range(0, len(links), _BATCH):
                asked = dict(list(links.items())[start : start + _BATCH])
                stages = self._client(access).read(list(asked))
                with self.sessions.begin() as session:
                    moved += returns.take_over(session, asked, stages, now=self.clock())
        except OverheardError as error:
            now = self.clock()
            wait = error.retry_after if isinstance(error, CollectorError) else None
            until = now + max(_REST, timedelta(seconds=min(wait or 0, 86_400)))
            with self.sessions.begin() as session:
                pushes.rest(session, connections.get(session, connection.id), error, until=until, now=now)
        return moved

    def _client(self, access: Access) -> Crm:
        if access not in self._open:
            timeout = self.settings.http_timeout
            self._open[access] = open_crm(access.platform, access.address, access.secrets, timeout=timeout)
        return self._open[access]


@dataclass(frozen=True, slots=True)
class Door:
    """Asks a CRM at once, for somebody who waits on a page."""

    settings: Settings

    def stages(self, platform: CrmPlatform, address: str, secrets: Mapping[str, str]) -> Sequence[RemoteStage]:
        """Try a token, make ready what we need there, and tell the pipeline's stages."""
        crm = open_crm(platform, address, secrets, timeout=self.settings.http_timeout)
        found = crm.stages()
        crm.prepare()
        return found

    def test(self, platform: CrmPlatform, address: str, secrets: Mapping[str, str], stage: str) -> None:
        """Make an invented record there, and take it away."""
        crm = open_crm(platform, address, secrets, timeout=self.settings.http_timeout)
        key = f"overheard-test-{datetime.now().astimezone():%Y%m%d%H%M%S}"
        record = Record(
            key=key, name="Test of Overheard", text="It is deleted at once.", first_stage=stage, stage=stage
        )
        made = crm.push(record)
        crm.delete(made.remote_id)
