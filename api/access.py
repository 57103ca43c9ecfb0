"""Who may do what: the whole of it, as one table. A test holds `docs/access.md`, which is for people, to it."""

from collections.abc import Collection
from enum import StrEnum

from overheard.models import User
from overheard.vocabulary import AuditAction, Role, Scope


class Action(StrEnum):
    """What somebody can do through a page or the API."""

    READ_QUEUE = "read_queue"
    READ_LEAD = "read_lead"
    PROMOTE = "promote"
    DISQUALIFY = "disqualify"
    REOPEN = "reopen"
    UNDO = "undo"
    CLAIM = "claim"
    SNOOZE = "snooze"
    ASSIGN = "assign"
    SAVE_VIEW = "save_view"
    READ_CAMPAIGNS = "read_campaigns"
    CREATE_CAMPAIGN = "create_campaign"
    SAVE_QUERY = "save_query"
    RETIRE_QUERY = "retire_query"
    TEST_QUERY = "test_query"
    SET_THRESHOLD = "set_threshold"
    SET_SLOTS = "set_slots"
    EDIT_CAMPAIGN = "edit_campaign"
    READ_SOURCES = "read_sources"
    PAUSE_SOURCE = "pause_source"
    ENABLE_SOURCE = "enable_source"
    REMOVE_SOURCE = "remove_source"
    READ_SUGGESTIONS = "read_suggestions"
    READ_INSIGHTS = "read_insights"
    ADD_POST = "add_post"
    MOVE_LEAD = "move_lead"
    EDIT_LEAD = "edit_lead"
    ADD_NOTE = "add_note"
    MERGE_LEADS = "merge_leads"
    EDIT_QUESTIONS = "edit_questions"
    READ_ME = "read_me"
    CHANGE_ME = "change_me"
    MARK_NOTICES = "mark_notices"
    READ_PEOPLE = "read_people"
    CHANGE_PEOPLE = "change_people"
    READ_AUDIT = "read_audit"
    READ_PRIVACY = "read_privacy"
    ERASE = "erase"
    EXPORT_PERSON = "export_person"
    IMPORT_UNWANTED = "import_unwanted"
    READ_REPLIES = "read_replies"
    WRITE_REPLY = "write_reply"
    CONNECT_ACCOUNT = "connect_account"
    CONFIRM_ANSWER = "confirm_answer"
    EDIT_SNIPPET = "edit_snippet"
    BLOCK_CONTACT = "block_contact"
    STOP_REPLIES = "stop_replies"
    ANSWER_SAMPLE = "answer_sample"
    RELEASE_POSTS = "release_posts"
    EXPORT_LEADS = "export_leads"
    READ_ALERTS = "read_alerts"
    CHANGE_ALERTS = "change_alerts"
    READ_WEBHOOKS = "read_webhooks"
    CHANGE_WEBHOOKS = "change_webhooks"
    READ_LABELS = "read_labels"
    LABEL_POSTS = "label_posts"
    EXPORT_LABELS = "export_labels"
    IMPORT_LABELS = "import_labels"
    READ_METRICS = "read_metrics"
    READ_CRM = "read_crm"
    CHANGE_CRM = "change_crm"
    READ_MODELS = "read_models"
    CHANGE_MODELS = "change_models"
    READ_OPERATIONS = "read_operations"
    CHANGE_OPERATIONS = "change_operations"


_EVERYBODY = frozenset(Role)
_SELLS = frozenset({Role.ADMIN, Role.SDR})
_TUNES = frozenset({Role.ADMIN, Role.MARKETER})
_TRAINS = frozenset({Role.ADMIN, Role.ML_ENGINEER})
_RULES = frozenset({Role.ADMIN})
_READS_THE_WORLD = _SELLS | _TUNES
_LABELS = _SELLS | {Role.ML_ENGINEER}

# A decision about a lead is a label that trains the model, so it is left to those whose work the queue is.
MAY: dict[Action, frozenset[Role]] = {
    Action.READ_QUEUE: _EVERYBODY,
    Action.READ_LEAD: _EVERYBODY,
    Action.PROMOTE: _SELLS,
    Action.DISQUALIFY: _SELLS,
    Action.REOPEN: _SELLS,
    Action.UNDO: _SELLS,
    Action.CLAIM: _SELLS,
    Action.SNOOZE: _SELLS,
    Action.ASSIGN: _SELLS,
    Action.SAVE_VIEW: _EVERYBODY,
    Action.READ_CAMPAIGNS: _EVERYBODY,
    Action.CREATE_CAMPAIGN: _TUNES,
    Action.SAVE_QUERY: _TUNES,
    Action.RETIRE_QUERY: _TUNES,
    Action.TEST_QUERY: _TUNES,
    Action.SET_THRESHOLD: _TUNES,
    Action.SET_SLOTS: _TUNES | _TRAINS,
    Action.EDIT_CAMPAIGN: _TUNES,
    Action.READ_SOURCES: _EVERYBODY,
    Action.PAUSE_SOURCE: _TUNES,
    Action.ENABLE_SOURCE: _TUNES,
    Action.REMOVE_SOURCE: _TUNES,
    Action.READ_SUGGESTIONS: _EVERYBODY,
    Action.READ_INSIGHTS: _EVERYBODY,
    Action.ADD_POST: _READS_THE_WORLD,
    Action.MOVE_LEAD: _SELLS,
    Action.EDIT_LEAD: _SELLS,
    Action.ADD_NOTE: _READS_THE_WORLD,  # who gets a lead back may say something about it
    Action.MERGE_LEADS: _SELLS,
    Action.EDIT_QUESTIONS: _TUNES,
    Action.READ_ME: _EVERYBODY,
    Action.CHANGE_ME: _EVERYBODY,
    Action.MARK_NOTICES: _EVERYBODY,
    Action.READ_PEOPLE: _RULES,
    Action.CHANGE_PEOPLE: _RULES,
    Action.READ_AUDIT: _RULES,
    Action.READ_PRIVACY: _RULES,
    Action.ERASE: _RULES,
    Action.EXPORT_PERSON: _RULES,
    Action.IMPORT_UNWANTED: _RULES,
    Action.READ_REPLIES: _EVERYBODY,
    Action.WRITE_REPLY: _SELLS,
    Action.CONNECT_ACCOUNT: _SELLS,
    Action.CONFIRM_ANSWER: _SELLS,
    Action.EDIT_SNIPPET: _SELLS,
    Action.BLOCK_CONTACT: _SELLS,
    Action.STOP_REPLIES: _RULES,
    Action.ANSWER_SAMPLE: _SELLS,
    Action.RELEASE_POSTS: _READS_THE_WORLD,
    Action.EXPORT_LEADS: _READS_THE_WORLD,
    Action.READ_ALERTS: _EVERYBODY,
    Action.CHANGE_ALERTS: _EVERYBODY,  # one's own
    Action.READ_WEBHOOKS: _TUNES,
    Action.CHANGE_WEBHOOKS: _TUNES,
    Action.READ_LABELS: _LABELS,
    Action.LABEL_POSTS: _LABELS,
    Action.EXPORT_LABELS: _TRAINS,
    Action.IMPORT_LABELS: _TRAINS,  # also in the name of others
    Action.READ_METRICS: _RULES,
    Action.READ_CRM: _RULES,
    Action.CHANGE_CRM: _RULES,
    Action.READ_MODELS: _TRAINS,
    Action.CHANGE_MODELS: _TRAINS,
    Action.READ_OPERATIONS: _RULES,
    Action.CHANGE_OPERATIONS: _RULES,
}

# What a token of each scope may be used for, if its user's role allows it too. What stands in none is for `admin`.
SCOPES: dict[Scope, frozenset[Action]] = {
    Scope.READ: frozenset(
        {
            Action.READ_QUEUE,
            Action.READ_LEAD,
            Action.READ_CAMPAIGNS,
            Action.READ_SOURCES,
            Action.READ_SUGGESTIONS,
            Action.READ_INSIGHTS,
            Action.READ_ME,
            Action.READ_REPLIES,
            Action.EXPORT_LEADS,
            Action.READ_ALERTS,
            Action.READ_WEBHOOKS,
            Action.READ_LABELS,
            Action.EXPORT_LABELS,
            Action.READ_MODELS,
        }
    ),
    Scope.DECIDE: frozenset(
        {
            Action.PROMOTE,
            Action.DISQUALIFY,
            Action.REOPEN,
            Action.UNDO,
            Action.CLAIM,
            Action.SNOOZE,
            Action.ASSIGN,
            Action.SAVE_VIEW,
            Action.ADD_POST,
            Action.MOVE_LEAD,
            Action.EDIT_LEAD,
            Action.ADD_NOTE,
            Action.MERGE_LEADS,
            Action.MARK_NOTICES,
            Action.ANSWER_SAMPLE,
            Action.RELEASE_POSTS,
            Action.CHANGE_ALERTS,
            Action.LABEL_POSTS,
            Action.IMPORT_LABELS,
        }
    ),
    Scope.REPLY: frozenset(
        {Action.WRITE_REPLY, Action.CONFIRM_ANSWER, Action.EDIT_SNIPPET, Action.BLOCK_CONTACT},
    ),
    Scope.TUNE: frozenset(
        {
            Action.CREATE_CAMPAIGN,
            Action.SAVE_QUERY,
            Action.RETIRE_QUERY,
            Action.TEST_QUERY,
            Action.SET_THRESHOLD,
            Action.SET_SLOTS,
            Action.EDIT_CAMPAIGN,
            Action.EDIT_QUESTIONS,
            Action.PAUSE_SOURCE,
            Action.ENABLE_SOURCE,
            Action.REMOVE_SOURCE,
        }
    ),
}


# What the audit log tells of whenever it is done by a page or a program. More is told where a function knows more.
AUDITED: dict[Action, AuditAction] = {
    Action.CREATE_CAMPAIGN: AuditAction.CAMPAIGN_CREATED,
    Action.SET_THRESHOLD: AuditAction.CAMPAIGN_CHANGED,
    Action.SET_SLOTS: AuditAction.CAMPAIGN_CHANGED,
    Action.EDIT_CAMPAIGN: AuditAction.CAMPAIGN_CHANGED,
    Action.EDIT_QUESTIONS: AuditAction.CAMPAIGN_CHANGED,
    Action.SAVE_QUERY: AuditAction.QUERY_SAVED,
    Action.RETIRE_QUERY: AuditAction.QUERY_RETIRED,
    Action.PAUSE_SOURCE: AuditAction.SOURCE_PAUSED,
    Action.ENABLE_SOURCE: AuditAction.SOURCE_ENABLED,
    Action.REMOVE_SOURCE: AuditAction.SOURCE_REMOVED,
}


def may(user: User, action: Action) -> bool:
    """Whether this user's role allows the action."""
    return user.role in MAY[action]


def scope_of(action: Action) -> Scope:
    """The scope that a token needs for it."""
    return next((scope for scope, actions in SCOPES.items() if action in actions), Scope.ADMIN)


def actions_of(user: User, scopes: Collection[Scope] = tuple(Scope)) -> list[Action]:
    """All that a user may do, by a token of these scopes."""
    return [action for action in MAY if may(user, action) and scope_of(action) in scopes]
