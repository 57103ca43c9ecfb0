"""The words of the product, as closed lists. Every other module speaks these; `docs/glossary.md` explains them."""

from enum import StrEnum


class Platform(StrEnum):
    """The kind of place people talk in."""

    REDDIT = "reddit"
    SLACK = "slack"
    HACKERNEWS = "hackernews"
    BLUESKY = "bluesky"
    MASTODON = "mastodon"
    DISCOURSE = "discourse"
    RSS = "rss"
    STACKEXCHANGE = "stackexchange"
    GITHUB = "github"
    DISCORD = "discord"
    TELEGRAM = "telegram"
    X = "x"
    FACEBOOK = "facebook"
    LINKEDIN = "linkedin"
    QUORA = "quora"
    OTHER = "other"

    @property
    def display(self) -> str:
        """The name as a person writes it."""
        return _PLATFORM_TITLES[self]


_PLATFORM_TITLES = {
    Platform.REDDIT: "Reddit",
    Platform.SLACK: "Slack",
    Platform.HACKERNEWS: "Hacker News",
    Platform.BLUESKY: "Bluesky",
    Platform.MASTODON: "Mastodon",
    Platform.DISCOURSE: "Discourse",
    Platform.RSS: "RSS",
    Platform.STACKEXCHANGE: "Stack Exchange",
    Platform.GITHUB: "GitHub",
    Platform.DISCORD: "Discord",
    Platform.TELEGRAM: "Telegram",
    Platform.X: "X",
    Platform.FACEBOOK: "Facebook",
    Platform.LINKEDIN: "LinkedIn",
    Platform.QUORA: "Quora",
    Platform.OTHER: "Other",
}


class SourceState(StrEnum):
    """Whether a source is read."""

    WATCHING = "watching"
    PAUSED = "paused"
    NEEDS_OPERATOR = "needs_operator"
    """The platform said no in a way that only a person can mend. Nothing is asked for until they do."""

    @property
    def display(self) -> str:
        """The name as a person reads it."""
        return self.value.replace("_", " ")


class PostKind(StrEnum):
    """What sort of post it is at its platform."""

    SUBMISSION = "submission"
    COMMENT = "comment"
    MESSAGE = "message"


class Intent(StrEnum):
    """What the writer wants, as far as buying is concerned. Definitions: `docs/labelling.md`."""

    RECOMMENDATION = "recommendation"
    ALTERNATIVE = "alternative"
    COMPARISON = "comparison"
    PURCHASE = "purchase"
    PAIN = "pain"
    PROMOTION = "promotion"
    SUPPORT = "support"
    ADVICE = "advice"
    DISCUSSION = "discussion"

    @property
    def is_lead(self) -> bool:
        """Whether a post of this intent expresses a need that somebody could sell into."""
        return self in LEAD_INTENTS


LEAD_INTENTS = frozenset({Intent.RECOMMENDATION, Intent.ALTERNATIVE, Intent.COMPARISON, Intent.PURCHASE, Intent.PAIN})


class Stage(StrEnum):
    """Where a lead stands. Only `overheard.leads.funnel` moves a lead from one to another."""

    MARKETING_QUALIFIED = "marketing_qualified"
    SALES_QUALIFIED = "sales_qualified"
    REPLIED = "replied"
    PROSPECT = "prospect"
    WON = "won"
    LOST = "lost"
    DISQUALIFIED = "disqualified"

    @property
    def display(self) -> str:
        """The name as a person reads it."""
        return self.value.replace("_", "-")

    @property
    def sentence(self) -> str:
        """What it means. Marketing and sales read the same words, wherever the stage is shown."""
        return _STAGE_SENTENCES[self]


CLOSED_STAGES = frozenset({Stage.DISQUALIFIED, Stage.WON, Stage.LOST})
"""Where nobody works on a lead any more."""

_STAGE_SENTENCES = {
    Stage.MARKETING_QUALIFIED: "A post of theirs is relevant and over the threshold; it waits for a person's decision.",
    Stage.SALES_QUALIFIED: "A person said that this is worth an answer.",
    Stage.REPLIED: "A person has answered them.",
    Stage.PROSPECT: "They answered positively: there is contact both ways.",
    Stage.WON: "They bought.",
    Stage.LOST: "They did not.",
    Stage.DISQUALIFIED: "A person put the lead out, with a reason.",
}


class DisqualifyReason(StrEnum):
    """Why a person put a lead out. The sentence is shown where the reason is chosen."""

    NOT_A_BUYER = "not_a_buyer"
    NO_NEED = "no_need"
    NOT_OUR_ICP = "not_our_icp"
    COMPETITOR_STAFF = "competitor_staff"
    ALREADY_SERVED = "already_served"
    DUPLICATE = "duplicate"
    STALE = "stale"
    DO_NOT_CONTACT = "do_not_contact"
    OTHER = "other"

    @property
    def sentence(self) -> str:
        """What the reason means, in the words an SDR reads when choosing it."""
        return _REASON_SENTENCES[self]

    @property
    def is_negative(self) -> bool:
        """Whether the decision says that the post showed no intent (a negative label for the model)."""
        return self in NEGATIVE_REASONS


_REASON_SENTENCES = {
    DisqualifyReason.NOT_A_BUYER: "The writer is not looking for anything: a seller, a joke, an opinion.",
    DisqualifyReason.NO_NEED: "There is no need in this post that a product could meet.",
    DisqualifyReason.NOT_OUR_ICP: "A real need, but not somebody we sell to.",
    DisqualifyReason.COMPETITOR_STAFF: "The writer works for a competitor.",
    DisqualifyReason.ALREADY_SERVED: "The need has been met, or they are our customer already.",
    DisqualifyReason.DUPLICATE: "We have this person or this request already.",
    DisqualifyReason.STALE: "Too old to answer.",
    DisqualifyReason.DO_NOT_CONTACT: "The writer does not want to be contacted.",
    DisqualifyReason.OTHER: "Something else: say what in the note.",
}

# The most important lines of the retraining loop: every other reason met a post that did show intent,
# so counting it as "not a lead" would teach the model to miss buyers.
NEGATIVE_REASONS = frozenset({DisqualifyReason.NOT_A_BUYER, DisqualifyReason.NO_NEED})


class ExclusionKind(StrEnum):
    """Of what nothing becomes a lead of a campaign."""

    AUTHOR = "author"
    COMMUNITY = "community"


class SignalKind(StrEnum):
    """What else a post says that helps to sell."""

    BUDGET = "budget"
    DEADLINE = "deadline"
    COMPETITOR = "competitor"
    TEAM_SIZE = "team_size"
    LOCATION = "location"


class LeadAction(StrEnum):
    """What was done to a lead; each is one event on its timeline."""

    QUALIFY = "qualify"
    PROMOTE = "promote"
    DISQUALIFY = "disqualify"
    REOPEN = "reopen"
    PUSH_BACK = "push_back"
    RECORD_REPLY = "record_reply"
    MAKE_PROSPECT = "make_prospect"
    WIN = "win"
    LOSE = "lose"
    UNDO = "undo"
    NOTE = "note"
    ASSIGN = "assign"
    SNOOZE = "snooze"
    FOLLOW_UP = "follow_up"
    TAG = "tag"
    CONTACT = "contact"
    FIT = "fit"
    MERGE = "merge"

    @property
    def is_move(self) -> bool:
        """Whether it brings a lead to another stage; the others are words about it."""
        return self not in _WORDS


_WORDS = (
    LeadAction.NOTE,
    LeadAction.ASSIGN,
    LeadAction.SNOOZE,
    LeadAction.FOLLOW_UP,
    LeadAction.TAG,
    LeadAction.CONTACT,
    LeadAction.FIT,
    LeadAction.MERGE,
)


class AssignmentRule(StrEnum):
    """Whose lead it becomes when it is promoted."""

    BY_HAND = "by_hand"
    ROUND_ROBIN = "round_robin"
    LEAST_BUSY = "least_busy"


class Role(StrEnum):
    """Who somebody is here. What each may do is the table in `api/access.py`."""

    ADMIN = "admin"
    MARKETER = "marketer"
    SDR = "sdr"
    ML_ENGINEER = "ml_engineer"


class Scope(StrEnum):
    """What an API token may be used for, within the rights of its user. The table is in `api/access.py`."""

    READ = "read"
    DECIDE = "decide"
    REPLY = "reply"
    TUNE = "tune"
    ADMIN = "admin"


class NoticeKind(StrEnum):
    """Why somebody is told something."""

    ASSIGNED = "assigned"
    FOLLOW_UP_DUE = "follow_up_due"
    ANSWERED = "answered"
    SOURCE_NEEDS_OPERATOR = "source_needs_operator"
    ACCOUNT_PAUSED = "account_paused"
    POSTS_HELD_BACK = "posts_held_back"
    ALERTS_PAUSED = "alerts_paused"
    MODEL_DRIFTED = "model_drifted"


class DigestRhythm(StrEnum):
    """How often something is sent: unread notices, new leads."""

    OFF = "off"
    INSTANT = "instant"
    HOURLY = "hourly"
    DAILY = "daily"
    WEEKDAYS = "weekdays"
    WEEKLY = "weekly"


class AuditAction(StrEnum):
    """What the audit log tells of."""

    LOGGED_IN = "logged_in"
    LOGIN_FAILED = "login_failed"
    LOGINS_ENDED = "logins_ended"
    LOGIN_LINK_MADE = "login_link_made"
    USER_INVITED = "user_invited"
    ROLE_CHANGED = "role_changed"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - not one
    TOKEN_MADE = "token_made"  # noqa: S105 - not one
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - not one
    CREDENTIALS_SAVED = "credentials_saved"
    ACCOUNT_CONNECTED = "account_connected"
    ACCOUNT_PAUSED = "account_paused"
    ACCOUNT_RESUMED = "account_resumed"
    ACCOUNT_REMOVED = "account_removed"
    DO_NOT_CONTACT_ADDED = "do_not_contact_added"
    DO_NOT_CONTACT_REMOVED = "do_not_contact_removed"
    DO_NOT_CONTACT_IMPORTED = "do_not_contact_imported"
    REPLIES_STOPPED = "replies_stopped"
    REPLIES_RESUMED = "replies_resumed"
    EXPORTED = "exported"
    ERASED = "erased"
    WEBHOOK_CHANGED = "webhook_changed"
    CRM_CHANGED = "crm_changed"
    FEED_MADE = "feed_made"
    CAMPAIGN_CREATED = "campaign_created"
    CAMPAIGN_CHANGED = "campaign_changed"
    QUERY_SAVED = "query_saved"
    QUERY_RETIRED = "query_retired"
    SOURCE_ADDED = "source_added"
    SOURCE_PAUSED = "source_paused"
    SOURCE_ENABLED = "source_enabled"
    SOURCE_REMOVED = "source_removed"
    MODEL_ACTIVATED = "model_activated"
    MODEL_ROLLED_BACK = "model_rolled_back"
    MODEL_SHADOWED = "model_shadowed"
    RETRIED = "retried"
    DROPPED = "dropped"


class ReplyState(StrEnum):
    """Where a reply stands on its one way out. Only `overheard.replying.replies` moves it."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    AMBIGUOUS = "ambiguous"
    """The platform's answer was lost: it may stand there or not. It is read back, never sent again by itself."""
    DISCARDED = "discarded"


class SendingWay(StrEnum):
    """Who brings a reply to its platform."""

    ASSISTED = "assisted"
    """The SDR posts it there themselves and marks it sent."""
    DIRECT = "direct"
    """Overheard sends it once, by the SDR's own connected account."""


class AnswerKind(StrEnum):
    """What an answer to a reply of ours means."""

    POSITIVE = "positive"
    QUESTION = "question"
    NEGATIVE = "negative"
    STOP = "stop"
    """They do not want to hear from us again."""


class Topic(StrEnum):
    """What a qualifying question is about."""

    NEED = "need"
    PAIN = "pain"
    BUDGET = "budget"
    AUTHORITY = "authority"
    TIMELINE = "timeline"
    AREA = "area"
    INDUSTRY = "industry"


class ContactKind(StrEnum):
    """A way to reach somebody."""

    EMAIL = "email"
    PHONE = "phone"
    SITE = "site"

    @property
    def display(self) -> str:
        """As pages say it."""
        return {"email": "e-mail address", "phone": "phone number", "site": "site"}[self]


class Stratum(StrEnum):
    """How a post stands to a campaign: shown, or why not. `docs/recall.md` says what is drawn from which."""

    SHOWN = "shown"
    HELD_BACK = "held_back"
    NEAR = "near"
    FAR = "far"
    UNMATCHED_STRONG = "unmatched_strong"
    UNMATCHED_WEAK = "unmatched_weak"
    NOT_JUDGED = "not_judged"


class SampleAnswer(StrEnum):
    """What a person says about a post that they are shown blind."""

    LEAD = "lead"
    NO = "no"
    CANNOT_TELL = "cannot_tell"
