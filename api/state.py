"""What the application holds while it runs: one typed object, made in `create_app`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, cast

import jinja2
from sqlalchemy.engine import Engine
from starlette.requests import HTTPConnection

from api.assets import Assets
from api.events import Feed
from api.oauth import Web
from api.queue_cards import QueueCards
from api.sign_in import SignIn
from overheard.crm.records import CrmDoor
from overheard.db import Sessions
from overheard.leads.contacts import Reach
from overheard.listening.dead_letters import Reread
from overheard.listening.hooks import Hook
from overheard.replying.conversations import Conversations
from overheard.settings import Settings

if TYPE_CHECKING:
    from api.kept import Kept  # which asks `api.security`, which asks for the state


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that outlives a request."""

    settings: Settings
    engine: Engine
    sessions: Sessions
    """For requests that may write."""
    reading: Sessions
    """For requests that only read."""
    clock: Callable[[], datetime]
    key: str
    """Signs form tokens and flash lines."""
    assets: Assets
    templates: jinja2.Environment
    cards: QueueCards
    """Cards of the queue, as they were rendered in this minute."""
    kept: "Kept"
    """What is known of the database as it stands."""
    hooks: Mapping[str, Hook]
    """What may be posted to `/hooks/…` without a login, by name."""
    reach: Reach
    """Asks the network whether somebody can be reached by a contact."""
    conversations: Conversations | None
    """Asks platforms for threads and rules; none: nobody is asked."""
    reread: Reread | None
    """Reads an item that could not be taken in once more; none: nobody is asked."""
    web: Web | None
    """A client for addresses that somebody typed; none: no account is connected here."""
    crm: CrmDoor | None
    """Asks a CRM at once; none: no CRM is connected here."""
    sign_in: SignIn | None
    """The identity provider; none: there is none."""
    feed: Feed
    """Live updates."""
    running: set[str] = field(default_factory=set)
    """Hashes of the idempotency keys whose requests are being answered by this process."""


def state_of(connection: HTTPConnection) -> State:
    """The state of the application that answers this request."""
    return cast("State", connection.app.state.overheard)
