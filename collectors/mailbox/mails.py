"""An alert mail as posts: each link to a post, with the words around it. Made for F5Bot, Google Alerts and Syften, and
for any mail of that kind: nothing in here knows one of them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from urllib.parse import urlsplit

from imap_tools import MailMessage

from collectors.markup import plain
from overheard.errors import InvalidInput
from overheard.links import Link, recognise
from overheard.listening.intake import Item, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind

# A snippet never replaces what came from the platform itself, before or after: it is older than any text.
_AS_OF = datetime.fromtimestamp(0, UTC)

_URL = re.compile(r"https?://[^\s<>\"]+", re.IGNORECASE)
_URL_IN_BRACKETS = re.compile(r"[(<\[]?https?://[^\s<>\"]+[>\]]?", re.IGNORECASE)
_MOST_LINKS = 200  # of one mail
_QUOTES = re.compile(r"(</?)(?:blockquote|aside)\b", re.IGNORECASE)  # in an alert a quote is what was found

# Links that every mail has: the service's own, and those that only count clicks.
_SERVICE = re.compile(
    r"unsubscri|opt-?out|preferences|/settings|/login|/sign-?(?:in|up)|/account|/privacy|/terms|/help\b|/sharer?\b"
    r"|/intent/|/alerts?\b|/feedback|/pricing|/pixel|\.(?:png|gif|jpe?g)(?:\?|$)",
    re.IGNORECASE,
)
_COUNTING_HOST = re.compile(r"(?:click|clicks|track|tracking|trk|links?|email|e|mail|list-manage|sendgrid)\..+\..+")
_FOOTER = re.compile(
    r"unsubscribe|you (?:are receiving|received) this|manage your|this e-?mail was sent|in (?:your )?browser|©|^-- ?$",
    re.IGNORECASE,
)
_EDGES = " \t\"'“”«»•·|*-:\u2018\u2019\u2013\u2014"
# As F5Bot says where a post stands, before its title: Reddit Posts (/r/bakers/)
_PLACE = re.compile(r"^(?:Reddit|Hacker News|Lobsters)[\w ]*(?:\([^)]*\))?:\s*")

# What an address on these leads to is a post only where `recognise` says so, and else a profile or a list.
_PLATFORMS = frozenset(
    {
        "reddit.com",
        "news.ycombinator.com",
        "x.com",
        "twitter.com",
        "linkedin.com",
        "facebook.com",
        "quora.com",
        "bsky.app",
        "discord.com",
    }
)


@dataclass(slots=True)
class _Found:
    """A link with the words around it."""

    link: Link
    title: str = ""
    snippet: list[str] = field(default_factory=list)


def read_mail(mail: MailMessage, *, now: datetime) -> list[Item]:
    """The posts that a mail tells of; `Rejected` where there is none in it."""
    try:
        posts: list[Item] = [_post(each, mail.subject.strip(), _date(mail, now)) for each in _found(mail)]
    except (InvalidInput, ValueError, LookupError, TypeError, RecursionError) as error:
        # The library reads lazily, and what a broken mail makes it raise is not its own.
        return [_rejected(mail, str(error) or type(error).__name__)]
    return posts or [_rejected(mail, "there is no link to a post in it")]


def _rejected(mail: MailMessage, reason: str) -> Rejected:
    """Named by the mail's own id, so that it is one dead letter whatever number the server gives it."""
    return Rejected(f"mail {_message_id(mail)}", reason, _raw(mail.obj))


def _post(found: _Found, subject: str, posted_at: datetime) -> NewPost:
    link = found.link
    snippet = "\n".join(found.snippet).strip()
    return NewPost(
        platform=link.platform,
        external_id=link.external_id,
        community=link.community,
        title=found.title or ("" if snippet else subject),
        body=snippet,
        kind=PostKind.COMMENT if link.external_id.startswith("t1_") else PostKind.SUBMISSION,
        permalink=link.permalink,
        posted_at=posted_at,
        as_of=_AS_OF,
    )


def _found(mail: MailMessage) -> list[_Found]:
    """In the mail's HTML where it has some that tells of posts, else in its text."""
    sender = mail.from_.rpartition("@")[2].lower()
    for text in (plain(_QUOTES.sub(r"\1div", mail.html)), mail.text):
        if found := _merged(list(_links(text, sender))):
            return found
    return []


def _merged(found: list[_Found]) -> list[_Found]:
    """A post is often linked several times: by its title, by a picture, by "read more"."""
    posts: dict[tuple[Platform, str], _Found] = {}
    for each in found:
        known = posts.setdefault((each.link.platform, each.link.external_id), each)
        if known is not each:
            known.snippet += [] if known.snippet else each.snippet
            known.title = known.title or each.title
        if len(posts) == _MOST_LINKS:
            break
    return list(posts.values())


@dataclass(frozen=True, slots=True)
class _Line:
    words: str
    """Without addresses."""
    links: list[Link]


def _links(text: str, sender: str) -> Iterator[_Found]:
    """Each link to a post with its title and what is said of it: in its paragraph, or else in the next one.

    What is said may still be added to one that was given already: take them all first.
    """
    current: _Found | None = None
    heading = ""
    for paragraph in _paragraphs(text, sender):
        if not any(line.links for line in paragraph):
            words = [line.words for line in paragraph if line.words]
            if current is not None and not current.snippet:
                current.snippet = words
            elif words:
                heading = words[-1]
            continue
        for current in _in_paragraph(paragraph, heading):
            yield current
        heading = ""


def _in_paragraph(paragraph: list[_Line], heading: str) -> list[_Found]:
    found: list[_Found] = []
    above: list[str] = []
    for number, line in enumerate(paragraph):
        if not line.links:
            above += [line.words] * bool(line.words)
            continue
        title, snippet = line.words, list[str]()
        if not title and above and (found or any(not after.links and after.words for after in paragraph[number + 1 :])):
            title = above.pop()  # the title, the link, and then what is said
        elif not title and above:
            title, snippet, above = above[0], above[1:], []  # the title, what is said, and then the link
        if found:
            found[-1].snippet += above
        title = _PLACE.sub("", title or (heading if not found else "")).strip(_EDGES)
        found += [_Found(link, title, snippet if link is line.links[0] else []) for link in line.links]
        above = []
    found[-1].snippet += above
    return found


def _paragraphs(text: str, sender: str) -> Iterator[list[_Line]]:
    """Up to where the mail begins to speak of itself."""
    lines: list[_Line] = []
    for raw in text.splitlines():
        if _FOOTER.search(raw.strip()):
            break
        words = _URL_IN_BRACKETS.sub("", raw).strip(_EDGES)
        links = [link for url in _URL.findall(raw) if (link := _to_post(url, sender)) is not None]
        if raw.strip():
            lines.append(_Line(words, links))
        elif lines:
            yield lines
            lines = []
    if lines:
        yield lines


def _to_post(url: str, sender: str) -> Link | None:
    """What a link of a mail leads to; None for the service's own pages, and for what is no page of a post."""
    url = url.rstrip(".,;:!?'*")
    while url.endswith(")") and url.count(")") > url.count("("):
        url = url[:-1]
    try:
        link = recognise(url)
    except InvalidInput:
        return None
    if link.platform is not Platform.OTHER:
        return link
    address = urlsplit(link.permalink)
    host = (address.hostname or "").removeprefix("www.")
    is_senders = f".{host}".endswith(f".{sender}") or f".{sender}".endswith(f".{host}")
    leads_nowhere = address.path in {"", "/"} and not address.query
    is_counted = _COUNTING_HOST.fullmatch(host) or _SERVICE.search(f"{address.path}?{address.query}")
    return None if is_senders or leads_nowhere or is_counted or host in _PLATFORMS else link


def _date(mail: MailMessage, now: datetime) -> datetime:
    """The alert's: it comes soon after the post. Of a date that cannot be read the library makes the year 1900."""
    date = mail.date if mail.date.tzinfo else mail.date.replace(tzinfo=UTC)
    return min(date, now) if date.year > 1970 else now  # noqa: PLR2004


def _message_id(mail: MailMessage) -> str:
    return str(mail.obj.get("Message-ID") or "without an id").strip()[:200]


def _raw(message: Message) -> bytes:
    try:
        return message.as_bytes()
    except (LookupError, ValueError, TypeError, AttributeError):
        return str(message.get("Subject", "")).encode("utf-8", "replace")
