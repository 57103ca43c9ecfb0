"""What platforms post over HTTP, handed to the collector that understands it."""

from collections.abc import Mapping
from functools import partial

import sqlalchemy as sa

from cli.context import Context, clock
from overheard.db import make_reading_sessions
from overheard.listening import credentials, sources
from overheard.listening.hooks import Hook, HookAnswer
from overheard.models import Credential


def platform_hooks(context: Context) -> Mapping[str, Hook]:
    """The hooks by name: what follows `/hooks/` in their address."""
    return {"slack": partial(_slack, context)}


def _slack(context: Context, headers: Mapping[str, str], body: bytes) -> HookAnswer:
    from collectors.slack.events import receive

    with make_reading_sessions(context.engine)() as session:  # strangers may ask too: they never wait for a writer
        accounts = session.scalars(sa.select(Credential).filter_by(mode="slack")).all()
    secrets = {row.id: credentials.unseal(context.settings, row).get("signing_secret", "") for row in accounts}

    def deliver(credential_id: int, delivery_id: str, address: str, raw: bytes) -> None:
        with context.sessions.begin() as session:
            sources.deliver(
                session, credential_id=credential_id, delivery_id=delivery_id, address=address, raw=raw, now=clock()
            )

    return receive(secrets, headers, body, deliver=deliver, now=clock())
