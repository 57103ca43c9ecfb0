"""What a reply may say: it is finished, says who writes, carries no hidden links, and was not said before."""

import re
from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import sqlalchemy as sa

from overheard.days import local
from overheard.errors import InvalidInput, Refusal
from overheard.links import unwrapped
from overheard.models import Reply
from overheard.replying.guardrails.case import Case, Guardrail, affiliation_line
from overheard.replying.guardrails.near_copies import nearest
from overheard.text import normalise
from overheard.vocabulary import ReplyState

_PLACEHOLDER = re.compile(r"\{[^{}\n]{1,60}\}")
_LINK = re.compile(
    r"(?:https?://|www\.)[^\s<>()\[\]]+"
    r"|(?<![\w@.-])(?:[\w-]+\.)+(?:com|org|net|io|ai|app|dev|co|eu|uk|de|fr|shop|ly|gg|me|xyz|info|biz)\b(?:/[^\s<>()\[\]]*)?",
    re.IGNORECASE,
)
_SHORTENERS = frozenset(
    {
        "bit.ly", "t.co", "goo.gl", "tinyurl.com", "ow.ly", "buff.ly", "is.gd", "v.gd", "rebrand.ly", "lnkd.in",
        "cutt.ly", "shorturl.at", "rb.gy", "t.ly", "tiny.cc", "s.id", "bl.ink", "soo.gd", "adf.ly", "shorte.st",
        "dub.sh", "amzn.to", "linktr.ee", "geni.us", "fb.me", "hubs.ly", "hubs.la", "trib.al", "dlvr.it", "ift.tt",
        "clck.ru",
    }
)  # fmt: skip
_CARRIES_ADDRESS = re.compile(r"[?&][^=&]*=https?(?::|%3a)", re.IGNORECASE)
_SHARE_DAYS = 30


def is_finished(case: Case) -> Iterator[Refusal]:
    """Somebody wrote it, and every placeholder is filled."""
    line = affiliation_line(case.guard, case.author, case.campaign)
    if not _without(case.reply.text, line).strip():
        yield Refusal(Guardrail.PLACEHOLDERS, "Nothing is written yet.", "Write your answer in your own words.")
    left = list(dict.fromkeys(_PLACEHOLDER.findall(case.reply.text)))
    if left:
        yield Refusal(
            Guardrail.PLACEHOLDERS,
            f"{'These places are' if len(left) > 1 else 'This place is'} not filled: {', '.join(left)}.",
            "Put your own words there, and take the braces away.",
        )


def says_who_writes(case: Case) -> Iterator[Refusal]:
    """The line that tells readers for whom the writer works."""
    line = affiliation_line(case.guard, case.author, case.campaign)
    if line and _folded(line) not in _folded(case.reply.text):
        yield Refusal(
            Guardrail.AFFILIATION,
            "The reply does not say for whom you work, and readers must know.",
            f"Put this line into it: “{line}” You can change the line below.",
        )


def has_good_links(case: Case) -> Iterator[Refusal]:
    """No link in a first reply, and never one that hides where it leads."""
    links = _LINK.findall(case.reply.text)
    if not links:
        return
    if not case.settings.shorteners and (hiding := [link for link in links if _hides(link)]):
        yield Refusal(
            Guardrail.LINKS,
            f"This link hides where it leads: {hiding[0]}",
            "Give the address of the page itself, or no link.",
        )
    if not case.settings.links_in_first and _is_first(case):
        yield Refusal(
            Guardrail.LINKS,
            f"This is the first reply to this person, and it carries a link: {links[0]}",
            "Take the link out. Give it when they ask for it.",
        )


def _hides(link: str) -> bool:
    address = link if "://" in link else f"https://{link}"
    try:
        host = (urlsplit(address).hostname or "").removeprefix("www.")
        is_redirect = unwrapped(address) != address
    except (ValueError, InvalidInput):
        return True
    return host in _SHORTENERS or is_redirect or _CARRIES_ADDRESS.search(address) is not None


def _is_first(case: Case) -> bool:
    earlier = sa.select(Reply.id).where(
        Reply.recipient_hash == case.reply.recipient_hash, Reply.state == ReplyState.SENT
    )
    return case.session.scalar(earlier.limit(1)) is None


def was_not_said_before(case: Case) -> Iterator[Refusal]:
    """No near-copy of what any of us wrote lately, anywhere."""
    border = case.settings.near_copy
    days = case.settings.near_copy_days
    since = sa.func.coalesce(Reply.sent_at, Reply.approved_at) > case.now - timedelta(days=days)
    line = affiliation_line(case.guard, case.author, case.campaign)
    found = nearest(case, _without(case.reply.text, line), since, border=border) if border else None
    if found is None:
        return
    earlier, similarity = found
    at = earlier.sent_at or earlier.approved_at or earlier.changed_at
    yield Refusal(
        Guardrail.NEAR_COPY,
        f"This is nearly what was written in {earlier.community} on {local(at):%Y-%m-%d}: "
        f"{int(similarity * 100)} % alike.",
        "Answer this person's own question in words that fit only here.",
    )


def is_seldom_promotion(case: Case) -> Iterator[Refusal]:
    """Most of what one writes should help and not point to what one sells."""
    if not is_promotional(case.reply.text, _name(case)):
        return
    texts = case.session.scalars(
        sa.select(Reply.text).where(
            Reply.author_id == case.author.id,
            Reply.state == ReplyState.SENT,
            Reply.sent_at > case.now - timedelta(days=_SHARE_DAYS),
        )
    ).all()
    already = sum(is_promotional(text, _name(case)) for text in texts)
    if already and (already + 1) / (len(texts) + 1) > case.settings.promotional_share:
        norm = round(1 / (case.settings.promotional_share or 0.1))
        yield Refusal(
            Guardrail.PROMOTION,
            f"With this one, {already + 1} of your {len(texts) + 1} replies in {_SHARE_DAYS} days carry a link or name "
            "what you sell.",
            f"Good practice is one in {norm}: help first, pitch when asked.",
            is_warning=True,
        )


def is_promotional(text: str, offer: str) -> bool:
    """Whether a reply carries a link, or names the offer more often than the line that says who writes does."""
    return bool(_LINK.search(text)) or (bool(offer) and _folded(text).count(_folded(offer)) > 1)


def _name(case: Case) -> str:
    return case.campaign.name if case.campaign else ""


def _without(text: str, line: str) -> str:
    return text.replace(line, " ") if line else text


def _folded(text: str) -> str:
    return " ".join(normalise(text).text.split())
