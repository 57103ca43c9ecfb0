"""Who may do what: the whole of it, as one table."""

from enum import StrEnum

from overheard.models import User
from overheard.vocabulary import Role


class Action(StrEnum):
    """What somebody can do through a page or the API."""

    READ_QUEUE = "read_queue"
    READ_LEAD = "read_lead"
    PROMOTE = "promote"
    DISQUALIFY = "disqualify"
    REOPEN = "reopen"
    UNDO = "undo"
    READ_CAMPAIGNS = "read_campaigns"
    CREATE_CAMPAIGN = "create_campaign"
    SAVE_QUERY = "save_query"
    RETIRE_QUERY = "retire_query"
    SET_THRESHOLD = "set_threshold"
    READ_SOURCES = "read_sources"
    PAUSE_SOURCE = "pause_source"
    ENABLE_SOURCE = "enable_source"
    REMOVE_SOURCE = "remove_source"
    READ_SUGGESTIONS = "read_suggestions"
    ADD_POST = "add_post"


_EVERYBODY = frozenset(Role)
_SELLS = frozenset({Role.ADMIN, Role.SDR})
_TUNES = frozenset({Role.ADMIN, Role.MARKETER})
_READS_THE_WORLD = _SELLS | _TUNES

# A decision about a lead is a label that trains the model, so it is left to those whose work the queue is.
MAY: dict[Action, frozenset[Role]] = {
    Action.READ_QUEUE: _EVERYBODY,
    Action.READ_LEAD: _EVERYBODY,
    Action.PROMOTE: _SELLS,
    Action.DISQUALIFY: _SELLS,
    Action.REOPEN: _SELLS,
    Action.UNDO: _SELLS,
    Action.READ_CAMPAIGNS: _EVERYBODY,
    Action.CREATE_CAMPAIGN: _TUNES,
    Action.SAVE_QUERY: _TUNES,
    Action.RETIRE_QUERY: _TUNES,
    Action.SET_THRESHOLD: _TUNES,
    Action.READ_SOURCES: _EVERYBODY,
    Action.PAUSE_SOURCE: _TUNES,
    Action.ENABLE_SOURCE: _TUNES,
    Action.REMOVE_SOURCE: _TUNES,
    Action.READ_SUGGESTIONS: _EVERYBODY,
    Action.ADD_POST: _READS_THE_WORLD,
}


def may(user: User, action: Action) -> bool:
    """Whether this user's role allows the action."""
    return user.role in MAY[action]
