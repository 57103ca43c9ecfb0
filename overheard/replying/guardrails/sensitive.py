"""Threads in which an offer hurts, told by the words that people in trouble use of themselves.

The words are chosen so that those who only work in such a field (a clinic that looks for a CRM, a school that buys
software) are not met. They are read after normalising: lower case, no accents.
"""

import itertools
import re
from enum import Enum

from overheard.replying.guardrails.crisis_words import CRISIS
from overheard.text import normalise


class Trouble(Enum):
    """What a thread is about that is no place to sell in. The value ends a sentence."""

    CRISIS = "somebody in it is in distress"
    MEDICAL = "it is about somebody's own health"
    MINOR = "its writer seems to be a minor"

    @property
    def may_be_misread(self) -> bool:
        """Whether a person may say that the words were misunderstood."""
        return self is Trouble.MEDICAL


SUPPORT_COMMUNITIES = frozenset(
    {
        "suicidewatch", "depression", "anxiety", "mentalhealth", "stopdrinking", "addiction", "opiatesrecovery",
        "griefsupport", "abuse", "domesticviolence", "cptsd", "selfharm", "eatingdisorders", "cancer", "teenagers",
        "offmychest", "vent", "assistance", "homeless", "almosthomeless", "rape", "survivorsofabuse",
    }
)  # fmt: skip

_WORDS = {
    Trouble.CRISIS: (
        r"(?<!career )(?<!business )(?<!brand )(?<!financial )(?<!political )(?<!social )suicid\w+",
        r"(?:kill|hurt|harm)(?:ing)? my ?self",
        r"(?:end|take|taking|ending) my (?:own )?life\b(?! (?:back|in|into|to)\b)",
        r"i(?:'m| am|'ve)? (?:just |really |only |do )?(?:want|wish|going) to die\b(?! (?:laughing|of laughter))",
        r"don'?t want to (?:be alive|be here anymore|exist|live\b(?! (?:in|on|like|with|at|near|here|there|by)\b))",
        r"self[- ]?harm\w*",
        r"domestic (?:violence|abuse)",
        (r"(?:he|she|they|husband|wife|partner|father|mother|boyfriend|girlfriend) (?:hits?|beats?|abuses) me\b"
        r"(?! (?:to|with|up|on|at)\b)"),
        r"(?:was|been|being|got) (?:raped|molested|sexually (?:abused|assaulted))",
        r"i(?:'ve| have)? (?:was|been|got) (?:abused|assaulted)",
        r"my (?:\w+ )?(?:husband|wife|son|daughter|mother|father|mom|mum|dad|brother|sister|child) (?:just )?died",
        r"(?:he|she|mother|father|mom|mum|dad|husband|wife|son|daughter) (?:just |has |recently )?passed away",
        r"(?:about to be|becoming|i'?m|i am|we're|we are) (?:homeless|evicted)",
        r"(?:relapsed|overdosed?)",
        *itertools.chain.from_iterable(CRISIS.values()),
    ),
    Trouble.MEDICAL: (
        r"(?:i|i'?ve|i was|i am|i'?m|i have|i got|just got|recently) (?:been |was |just |recently )*diagnosed",
        r"my (?:own )?(?:cancer|chemo\w*|diagnosis|depression|anxiety|tumou?r|biopsy|miscarriage|medication|meds)",
        r"my (?:psychiatrist|therapist|oncologist)",
        r"i (?:have|suffer from|struggle with|live with) (?:\w+ )?(?:cancer|depression|anxiety|ptsd|bipolar|epilepsy)",
        r"panic attacks?",
        r"should i (?:see|go to) (?:a|the|my) (?:doctor|er|hospital)",
    ),
    Trouble.MINOR: (
        r"(?:i'?m|i am|im) (?:only |just )?1[0-7](?: ?(?:yo|y/o|years? old))?(?= ?(?:[.,;!?)]|and\b|but\b|so\b|$))",
        r"i'?m an? (?:1[0-7]|thirteen|fourteen|fifteen|sixteen|seventeen)[- ]year[- ]?old",
        r"as an? 1[0-7][- ]?(?:year[- ]?old|yo|y/o)",
        r"[\[(]1[3-7] ?[mf][\])]",
        r"(?:i'?m|i am|i go) (?:still )?(?:in|to) (?:middle|high|junior high) school",
        r"(?:i'?m|i am) in (?:the )?(?:[5-9]th|1[0-2]th) grade",
        r"my (?:mom|mum|parents|dad) (?:won'?t|don'?t|doesn'?t) (?:let|allow) me",
    ),
}  # fmt: skip
_PATTERNS = {
    trouble: re.compile("|".join(rf"\b{words}" if words[0] != "[" else words for words in all_words))
    for trouble, all_words in _WORDS.items()
}

_NO_PITCHES = re.compile(
    r"#no_?bots?\b"
    r"|\bno (?:bots|vendors|sales ?people|sales pitch(?:es)?|pitches|self[- ]?promo(?:tion)?|solicit\w*|ads)\b"
    r"|\b(?:vendors|sellers|salespeople|sales reps|recruiters),? (?:please )?(?:do not|don'?t|need not)"
    r" (?:reply|respond|apply|comment|contact|message|dm|pitch)"
    r"|\b(?:do not|don'?t|stop) (?:try(?:ing)? to )?(?:sell|pitch|contact)(?:ing)? me\b"
)


def trouble_in(text: str) -> Trouble | None:
    """What trouble a text tells of, if any."""
    said = _said(text)
    return next((trouble for trouble, pattern in _PATTERNS.items() if pattern.search(said)), None)


def asks_for_no_pitches(text: str) -> bool:
    """Whether a writer says that they want no bots, no vendors, nothing sold to them."""
    return _NO_PITCHES.search(_said(text)) is not None


def _said(text: str) -> str:
    return " ".join(normalise(text).text.replace("\u2019", "'").split())
