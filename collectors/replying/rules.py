"""What a community asks of those who write there, as its platform tells it, and what of that forbids our replies."""

import re
from collections.abc import Iterable

from collectors.markup import plain
from collectors.replying.base import Get
from overheard.errors import CollectorError
from overheard.replying.conversations import RuleFlag, Rules

_MOST = 8_000  # characters

_NO = r"(?:\bno\b|\bnot\b|\bdon'?t\b|\bnever\b|\brefrain from\b|\bavoid\b|\bzero tolerance for\b|\bwithout\b)"
_FORBIDDEN = (
    r"(?:not (?:allowed|permitted|welcome|tolerated)|forbidden|prohibited|banned|removed"
    r"|will (?:be|get you) (?:removed|banned|deleted))"
)
_PROMOTION = (
    r"(?:self[- ]?promot\w*|promot(?:ion|ional|ing|e)\w*|advertis\w*|adverts?|\bads\b|solicit\w*|marketing"
    r"|sales pitch\w*|spam\w*)"
)
_AI = (
    r"(?:\ba\.?i\.?\b[- ]?(?:generated|written|edited|assisted)?|chatgpt|\bllms?\b|generative"
    r"|generated (?:text|content|comments?|posts?))"
)
_BOTS = r"(?:\bbots?\b|automated (?:accounts?|posts?|comments?|posting)|automation)"


def _either(what: str) -> re.Pattern[str]:
    """`No X`, `don't post X`, or `X is not allowed`, within one sentence."""
    return re.compile(rf"{_NO}[^.!?\n]{{0,60}}?{what}|{what}[^.!?\n]{{0,60}}?{_FORBIDDEN}", re.IGNORECASE)


_SAID = {
    RuleFlag.NO_PROMOTION: _either(_PROMOTION),
    RuleFlag.NO_AI: _either(_AI),
    RuleFlag.NO_BOTS: _either(_BOTS),
}


def understood(text: str) -> Rules:
    """The rules with what they forbid, as far as plain words tell."""
    text = text.strip()[:_MOST]
    said = text.replace("\u2019", "'")
    return Rules(text, frozenset(flag for flag, pattern in _SAID.items() if pattern.search(said)))


def _listed(rows: Iterable[object], *names: str) -> Rules:
    parts: list[str] = []
    for row in rows:
        words = [str(row[name]) for name in names if row.get(name)] if isinstance(row, dict) else []
        parts += [". ".join(words)] if words else []
    return understood("\n".join(f"{number}. {part}" for number, part in enumerate(parts, start=1)))


def of_reddit(get: Get, subreddit: str) -> Rules:
    """The numbered rules of a subreddit; of several as one, those of all."""
    rows: list[object] = []
    for name in subreddit.split("+"):
        answer = get(f"r/{name.removeprefix('r/')}/about/rules", {})
        found = answer.get("rules") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise CollectorError("Reddit answered the rules in an unknown form.")
        rows += found
    return _listed(rows, "short_name", "description")


def of_mastodon(get: Get) -> Rules:
    """The numbered rules of an instance."""
    answer = get("v1/instance/rules", {})
    return _listed(answer if isinstance(answer, list) else [], "text", "hint")


def of_slack(get: Get, channel: str) -> Rules:
    """A channel's topic and purpose."""
    answer = get("conversations.info", {"channel": channel})
    found = answer.get("channel") if isinstance(answer, dict) else None
    told = [found.get(name) for name in ("topic", "purpose")] if isinstance(found, dict) else []
    return understood("\n".join(str(each["value"]) for each in told if isinstance(each, dict) and each.get("value")))


def of_page(html: bytes) -> Rules:
    """The guidelines of a forum, which are a page for people."""
    body = re.search(rb"<body.*</body>", html, re.IGNORECASE | re.DOTALL)
    return understood(plain((body[0] if body else html).decode("utf-8", "replace")))
