"""How values are said to a person: ages, scores, names."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from markupsafe import Markup

from overheard.days import local
from overheard.desk.cards import AnyPost, Card, MatchedQuery
from overheard.desk.review_queue import COUNTED
from overheard.desk.similar_posts import SimilarPost
from overheard.keywords.queries import Span
from overheard.leads.leads import AnyLead
from overheard.marketing.relevance import DEFAULT_THRESHOLD
from overheard.models import Campaign
from overheard.vocabulary import DisqualifyReason, LeadAction, Platform, SignalKind

_MAX_NAME = 60
_MAX_WORDS = 4
_MAX_SENTENCE = 120
_MAX_TITLE = 90
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_WEEK = 7
_SIGNAL_NAMES = {
    SignalKind.BUDGET: "budget",
    SignalKind.DEADLINE: "deadline",
    SignalKind.COMPETITOR: "product",
    SignalKind.TEAM_SIZE: "team",
    SignalKind.LOCATION: "place",
}
_LINK_SCHEMES = ("https://", "http://")


def age(at: datetime, now: datetime) -> str:
    """How long ago, in the largest unit that says something."""
    seconds = int((now - at).total_seconds())
    if seconds < _MINUTE:
        return "just now"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min ago"
    if seconds < _DAY:
        return f"{seconds // _HOUR} h ago"
    days = seconds // _DAY
    return "yesterday" if days == 1 else f"{days} days ago"


def moment(at: datetime) -> str:
    """A time in full, as the team's clocks show it; the page says where these are."""
    here = local(at)
    return f"{here:%A}, {here.day} {here:%B %Y}, {here:%H:%M}"


def timed(at: datetime) -> Markup:
    """The same as an element that says it in UTC to programs."""
    return Markup('<time datetime="{}">{}</time>').format(at.astimezone(UTC).isoformat(), moment(at))


def day(on: date, now: datetime) -> str:
    """A day as a heading."""
    today = now.date()
    if on == today:
        return "Today"
    if on == today - timedelta(days=1):
        return "Yesterday"
    if timedelta(0) < today - on < timedelta(days=_WEEK):
        return f"{on:%A}"
    return f"{on.day} {on:%B}" if on.year == today.year else f"{on.day} {on:%B %Y}"


def counted(number: int) -> str:
    """A number of leads that were counted no further than to a thousand."""
    return f"{number:,}" if number <= COUNTED else f"{COUNTED:,}+"


def percent(score: float) -> str:
    """A score as a percentage; never 0 or 100, which would claim certainty."""
    return f"{min(max(round(score * 100), 1), 99)}"


def odds(score: float) -> str:
    """What a score means."""
    tenths = round(score * 10)
    if tenths >= 10:  # noqa: PLR2004 - ten in ten
        return "Nearly all posts like this are leads"
    if tenths <= 0:
        return "Hardly any post like this is a lead"
    return f"About {tenths} in 10 posts like this are leads"


def plain(text: str) -> str:
    """A one-line text without control characters, so that a name cannot turn the direction of what follows it."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return "".join(character for character in text if unicodedata.category(character) not in ("Cc", "Cf")).strip()


def words_of(post: AnyPost, span: Span) -> str:
    """What stands in a span, as one short line."""
    return clipped(text_at(post, span), _MAX_SENTENCE)


def text_at(post: AnyPost, span: Span) -> str:
    """What stands in a span."""
    field, start, end = span
    return (post.title if field == "title" else post.body)[start:end]


def signal_name(kind: SignalKind) -> str:
    """What stands before the words of a buying signal."""
    return _SIGNAL_NAMES[kind]


def author(post: AnyPost) -> str:
    """The writer of a post."""
    return _author(post.platform, post.author_name or post.author)


def lead_name(lead: AnyLead, top: AnyPost | None) -> str:
    """Whom a lead is about; its key is a made-up one when the author of its post is unknown."""
    return author(top) if top is not None else _author(lead.platform, lead.author)


def _author(platform: Platform, name: str | None) -> str:
    name = plain(name or "")
    if not name:
        return "unknown author"
    name = name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…"
    return f"u/{name}" if platform is Platform.REDDIT and not name.startswith("u/") else name


def met_words(card: Card, match: MatchedQuery) -> list[str]:
    """The different words of the post that a query met, as written."""
    fields = {"title": card.post.title, "body": card.post.body}
    words: dict[str, str] = {}
    for field, start, end in match.spans:
        word = " ".join(plain(fields.get(field, "")[max(start, 0) : max(end, 0)].replace("\n", " ")).split())
        words.setdefault(word.casefold(), word)
    words.pop("", None)
    return _first(list(words.values()))


def closest_words(card: Card) -> str:
    """The sentence of the post that is closest to the offer, as written; nothing where none was looked for."""
    if card.closeness is None or card.closeness.sentence is None:
        return ""
    field, start, end = card.closeness.sentence
    text = card.post.title if field == "title" else card.post.body
    return clipped(text[start:end], _MAX_SENTENCE)


def first_words(post: AnyPost) -> str:
    """What a post is called: its title, else what it begins with."""
    return clipped(post.title, _MAX_TITLE) or clipped(post.body, _MAX_TITLE) or "without words"


def clipped(text: str, limit: int) -> str:
    """A text as one line of a bounded length."""
    line = plain(" ".join(text[: 4 * limit].split()))
    if len(line) <= limit:
        return line
    kept, _, rest = line[:limit].rpartition(" ")
    return f"{kept if len(rest) < limit // 3 else line[: limit - 1]}…"


def decision(similar: SimilarPost) -> str:
    """What somebody decided about a post."""
    return "promoted" if similar.reason is None else f"disqualified: {reason_name(similar.reason)}"


def meaning_words(campaign: Campaign, brought: int) -> str:
    """What it does that a campaign finds posts by meaning, and how many of those that are stored."""
    posts = "1 stored post" if brought == 1 else f"{brought} stored posts"
    if campaign.meaning_threshold is None:
        return (
            "Only posts that a query met come in. By meaning, those whose need is close to the offer would too: "
            f"{posts} from {DEFAULT_THRESHOLD * 100:g} % on."
        )
    return f"Posts whose need is this close to the offer come in though no query met them: {posts}."


def _first(words: Sequence[str]) -> list[str]:
    return [word if len(word) <= _MAX_NAME else word[:_MAX_NAME] + "…" for word in words[:_MAX_WORDS]]


def safe_link(address: str | None) -> str | None:
    """An address that may be clicked: never `javascript:` or another scheme that runs something."""
    return address if address and address.lower().startswith(_LINK_SCHEMES) else None


def reason_name(reason: DisqualifyReason) -> str:
    """A reason in words."""
    return reason.value.replace("_", " ").replace("icp", "ICP")


def step_name(action: LeadAction) -> str:
    """What happened to a lead, as the head of a line."""
    return _STEPS[action]


def move_title(action: LeadAction) -> str:
    """What stands on the button of a move."""
    return _MOVES[action]


_MOVES = {
    LeadAction.PROMOTE: "Promote",
    LeadAction.PUSH_BACK: "Hand back",
    LeadAction.RECORD_REPLY: "Mark as replied",
    LeadAction.MAKE_PROSPECT: "Make a prospect",
    LeadAction.WIN: "Won",
    LeadAction.LOSE: "Lost",
    LeadAction.DISQUALIFY: "Disqualify",
    LeadAction.REOPEN: "Reopen",
}

_STEPS = {
    LeadAction.QUALIFY: "Qualified",
    LeadAction.PROMOTE: "Promoted",
    LeadAction.DISQUALIFY: "Disqualified",
    LeadAction.REOPEN: "Reopened",
    LeadAction.PUSH_BACK: "Handed back to marketing",
    LeadAction.RECORD_REPLY: "Replied",
    LeadAction.MAKE_PROSPECT: "Became a prospect",
    LeadAction.WIN: "Won",
    LeadAction.LOSE: "Lost",
    LeadAction.UNDO: "Step taken back",
    LeadAction.NOTE: "Note",
    LeadAction.ASSIGN: "Assignment",
    LeadAction.SNOOZE: "Snoozed",
    LeadAction.FOLLOW_UP: "Follow-up",
    LeadAction.TAG: "Tags",
    LeadAction.CONTACT: "Contact",
    LeadAction.FIT: "Qualifying question",
    LeadAction.MERGE: "Merge",
}
