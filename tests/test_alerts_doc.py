"""The example of docs/alerts.md checks what really arrives, over a real connection."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.deliver import make_read_filters, make_send
from overheard.db import Sessions, make_engine, make_sessions
from overheard.errors import CollectorError
from overheard.models import OutboundDelivery
from overheard.notifications import webhooks
from overheard.notifications.deliveries import Tally, deliver_due
from overheard.notifications.outbound_content import Outbound
from overheard.notifications.outbound_vocabulary import AlertWay, OutboundEvent, OutboundState
from overheard.settings import Settings
from tests.factories import make_cast
from tests.loopback import hook_server

PAGE = Path(__file__).parent.parent / "docs" / "alerts.md"


def _is_ours() -> Callable[[str, Mapping[str, str], bytes], bool]:
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    there: dict[str, Any] = {}
    exec(code, there)  # noqa: S102 - our own page
    is_ours: Callable[[str, Mapping[str, str], bytes], bool] = there["is_ours"]
    return is_ours


@pytest.fixture
def sessions(sqlite_template: Path, tmp_path: Path) -> Iterator[Sessions]:
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = make_engine(f"sqlite:///{path}")
    yield make_sessions(engine)
    engine.dispose()


def test_what_arrives_is_signed_and_a_changed_or_old_one_is_not_taken(sessions: Sessions, tmp_path: Path) -> None:
    now = datetime.now(UTC)  # the example looks at the real clock
    with hook_server() as server:
        settings = Settings.model_validate({"home": tmp_path, "allow_private_addresses": True})

        def deliver(settings: Settings = settings) -> Tally:
            return deliver_due(sessions, settings, make_send(settings), make_read_filters(), clock=lambda: now)

        with sessions.begin() as session:
            mara = make_cast(session, now=now).mara
            wanted = webhooks.Wanted(name="Loopback", address=server.url)
            webhook, secret = webhooks.make(session, settings, wanted, actor=mara, now=now)
            webhooks.test(session, webhook, now=now)
        assert deliver() == Tally(delivered=1)
        [(headers, body)] = server.requests
        is_ours = _is_ours()
        assert is_ours(secret, headers, body)
        assert not is_ours(secret, headers, body + b" ")
        assert not is_ours(secret.replace(secret[10], "A" if secret[10] != "A" else "B"), headers, body)
        assert not is_ours(secret, headers | {"webhook-timestamp": str(int(now.timestamp()) - 600)}, body)

        server.status = 500
        with sessions.begin() as session:
            webhooks.test(session, webhooks.get(session, webhook.id), now=now.replace(microsecond=1))
        assert deliver() == Tally(failed=1)
        with sessions() as session:
            failed = session.get_one(OutboundDelivery, 2)
            assert (failed.state, failed.status) == (OutboundState.PENDING, 500)
        guarded = settings.model_copy(update={"allow_private_addresses": False})
        with sessions() as session:
            address, signed = webhooks.signed(settings, webhook, "msg_1", "{}", now=now)
        with pytest.raises(CollectorError, match="private network"):
            make_send(guarded)(Outbound(1, AlertWay.WEBHOOK, address, "", "{}", signed))
        assert len(server.requests) == 2


def test_the_page_names_every_event() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [event.value for event in OutboundEvent if f"`{event.value}`" not in page] == []
