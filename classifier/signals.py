"""Buying signals: what a post says of money, time, products named, people and places. By rules that rather miss one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from classifier.text import PostText, Span, split_sentences
from overheard.vocabulary import SignalKind

PLACES = Path(__file__).parent / "labels" / "places.txt"

# A post that lists twenty products says no more of each.
MAX_OF_A_KIND = 3


@dataclass(frozen=True)
class BuyingSignal:
    """One signal, and the words that say it."""

    kind: SignalKind
    span: Span


_APOSTROPHE = "[\N{RIGHT SINGLE QUOTATION MARK}']?"


def _patterns(*texts: str, flags: re.RegexFlag = re.IGNORECASE) -> list[re.Pattern[str]]:
    """A blank stands for one to three, so that no run of blanks costs more than its length.

    Where there is a group, it is what is shown.
    """
    return [re.compile(text.replace(" ", r"\s{1,3}").replace("'", _APOSTROPHE), flags) for text in texts]


_UNIT = r"(?:USD|EUR|GBP|CAD|AUD|dollars?|euros?|bucks|pounds|quid)\b"
_FIGURE = r"\d{1,3}(?:[.,]?\d{1,3}){0,3}(?:\s?k\b)?"
_PER = (
    r"(?:\s{0,2}(?:/|per\s|an?\s|each\s)\s?(?:month|mo|year|yr|user|seat|hour|hr|week|person|licen[cs]e)\b"
    r"|\s(?:monthly|yearly|max|tops|total)\b)?"
)
_AMOUNT = (
    rf"(?>(?:[$€£]\s?{_FIGURE}|\b{_FIGURE}\s?(?:[€£]|{_UNIT}))"
    rf"(?:\s?(?:-|to|\u2013)\s?[$€£]?{_FIGURE})?(?:\s?{_UNIT})?{_PER})"
)
_LIMIT = r"(?:(?:under|below|less than|up to|no more than|at most|max(?:imum)?(?: of)?|within|around|about|roughly) )"
_INCOME = r"(?!\s{0,2}(?:in )?(?:mrr|arr|revenue|profit|sales|income|funding|m\b|b\b|million|billion))"
_NO_FIGURE = r"[^.;!?\n$€£\d]"
_BUDGET = _patterns(
    rf"\bbudget\b{_NO_FIGURE}{{0,25}}?({_LIMIT}?{_AMOUNT}){_INCOME}",
    rf"({_LIMIT}?{_AMOUNT}) budget\b",
    rf"\b(?:willing|happy|ready|prepared|able|afford|looking|want|hoping|trying) to (?:pay|spend|invest|stay)\b"
    rf"{_NO_FIGURE}{{0,25}}?({_LIMIT}?{_AMOUNT}){_INCOME}",
    rf"\b(?:can|could|will|'ll|'d|can't|cannot|don't want to) (?:only )?(?:pay|spend|afford)\b{_NO_FIGURE}{{0,15}}?"
    rf"({_LIMIT}?{_AMOUNT}){_INCOME}",
    rf"\b(?:under|below|up to|no more than|at most|cheaper than) {_AMOUNT}{_INCOME}",
    r"\b(?:(?:very |extremely |super )?(?:tight|low|small|limited|zero|shoestring|modest|tiny)|on a) budget\b",
)
# A figure that is asked, got or reached, and not one that would be paid; a budget of others.
_NOT_PAID = re.compile(
    r"\b(?:sold|sell|selling|charg\w*|made|mak(?:e|ing)|earn\w*|rais\w*|revenue|mrr|arr|worth|prices?|priced|costs?|quote"
    r"|costing|just|slightly|bit|well|bring|tick|scal\w*|gr[eo]w\w*|got|leads|clients|customers|you|they)\b",
    re.IGNORECASE,
)
_SEEKS = re.compile(
    r"\b(?:budget|spend|pay|need|looking|want|recommend\w*|suggest\w*|best|find|afford|keep|stay|search\w*|any|anything|options?)\b|\?",
    re.IGNORECASE,
)

_MONTH = (
    r"(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|(?:jan|feb|aug|sept?|oct|nov|dec)\b)"
)
_DAY = (
    r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|tonight|christmas|easter|the weekend"
    rf"|(?:the )?\d{{1,2}}(?:st|nd|rd|th)(?: of {_MONTH})?|{_MONTH}(?: \d{{1,2}}(?:st|nd|rd|th)?)?)"
)
_END = rf"(?:the )?end of (?:the |this |next )?(?:day|week|month|year|quarter|summer|{_MONTH})"
_DEADLINE = _patterns(
    rf"\bdeadline (?:is|of|on|by) {_DAY}\b",
    r"\basap\b|\bas soon as possible\b|\burgent(?:ly)?\b(?! care)",
    rf"\b(?:by|before) (?:(?:(?:this|next) )?{_DAY}|{_END}|(?:this|next) (?:week|month|year|summer|quarter))\b",
    r"\bwithin (?:the next )?(?:\d{1,2}|an?|one|two|three|few|a few|a couple of) (?:days?|weeks?|months?)\b",
    r"\bin the next (?:\d{1,2}|few|couple of|couple) (?:days|weeks|months)\b",
)
# A time is a deadline only in a sentence that wants something.
_WANTS = re.compile(
    r"\b(?:i|we)\b.{0,40}\b(?:need(?:ed|ing)?|looking|want|hire|hiring|must|have to|require|launching|seeking"
    r"|trying to find)\b"
    r"|^\W*(?:need|looking for|hiring|urgent|wanted|seeking)|\bneeds? (?:it|this|to be)\b|\bdeadline\b",
    re.IGNORECASE,
)

_COUNT = (
    r"(?:\d{1,3}(?:,\d{3})?|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|fifty)"
)
_RANGE = rf"(?:about |around |roughly |~|only |just )?{_COUNT}(?:\s?(?:-|to|\u2013)\s?{_COUNT})?"
_STAFF = r"(?:employees|staff(?: members)?|developers|devs|engineers|technicians|reps|agents|team members|of us)"
_FIRM = r"(?:team|company|agency|startup|business|shop|firm|office|studio|crew)\b"
_TEAM_SIZE = _patterns(
    rf"\b(?:small |tiny |growing |remote )?team of {_RANGE}\b(?: (?:people|{_STAFF}))?",
    rf"(?<![\d,.]){_RANGE}[\s-](?:person|people|man|employee|dev|developer|engineer) (?:(?!or )\w{{1,15}} )?{_FIRM}",
    r"\b(?:we're|we are|we have|we're at|we are at|i have|company with|business with|company of|business of)"
    rf" ({_RANGE} (?:full[\s-]time )?(?:people|{_STAFF}))\b",
    rf"(?<![\d,.])\b{_RANGE} employees\b",
    r"\bsolo (?:founder|dev|developer|operator|freelancer|entrepreneur|owner|maker|consultant|practitioner)\b",
    rf"\b(?:one|1)[\s-](?:man|person|woman) (?:\w{{1,15}} )?{_FIRM}",
    r"\b(?:our|my|we are an?|we're an?|in a|for an?|i run a|have a|as a|lead a) ((?:very )?(?:small|tiny) team)\b",
)

# A product's name has a capital letter or an ending of the web, or is among the best known.
_KNOWN = (
    r"(?i:mailchimp|hubspot|shopify|stripe|quickbooks|salesforce|trello|asana|jira|zapier|canva|figma|wix|squarespace"
    r"|wordpress|webflow|airtable|calendly|paypal|xero|spotify|netflix|dropbox|heroku|vercel|netlify|supabase|firebase"
    r"|cloudflare|github|gitlab|chatgpt|openai|photoshop|zendesk|klaviyo|sendgrid|twilio|evernote|clickup|godaddy"
    r"|bluehost|hostinger|namecheap|freshbooks|tailscale|nextcloud|jellyfin|trustpilot)\b"
)
_CAPITAL = r"[A-Z][\w+&-]{1,30}"
_NAME = (
    rf"(?:{_KNOWN}|{_CAPITAL}(?:\.(?:com|io|ai|app|co|net|org|js)\b)?|[a-z0-9][\w-]{{1,30}}\.(?:com|io|ai|app|co)\b)"
    rf"(?: {_CAPITAL}| 365| 360)?"
)
_VERSUS = r"(?:vs\.?|Vs\.?|versus)"
_COMPETITOR = _patterns(
    rf"\b(?i:switch(?:ing|ed)?|mov(?:e|ing|ed)|migrat(?:e|ing|ed)) (?:(?:away|over) )?(?:from|off)(?: of)? ({_NAME})",
    rf"\b(?i:alternatives?|replacements?|substitutes?) (?i:to|for) ({_NAME})",
    rf"\b({_NAME}) (?i:alternatives?|replacement|competitors?)\b",
    rf"\b(?i:i|we|i'm|we're|i've|we've)(?: (?:currently|already|now|also|just|mostly|are|am|have|been)){{0,3}}"
    rf" (?:use|using|used|tried|trying|pay for|paying for|left|cancel(?:l?ed)?|ditched|looked at|tested|considering)"
    rf" ({_NAME})",
    rf"\b(?i:currently|been|already) (?:using|on|use|paying for) ({_NAME})",
    r"\b(?i:tired of|sick of|fed up with|leaving|replac(?:e|ing)|instead of|compared to|similar to|better than"
    rf"|cheaper than|unhappy with|frustrated with) ({_NAME})",
    rf"\b({_NAME}) {_VERSUS} ",
    rf" {_VERSUS} ({_NAME})",
    flags=re.NOFLAG,
)
# What is written with a capital and is no product, and short ones in capitals that are.
_NOT_NAMES = """
the my our your this that these those its what which any full best good free cheap cheaper open self paid other english
europe asia america india china germany canada australia uk usa chinese american european indian january february march
april may june july august september october november december monday tuesday wednesday thursday friday saturday sunday
year revenue monolith microservices buying building saas in-house local cloud custom traditional manual human people hn
reddit someone windows motherboard saved app apps crms crypto llms apis hiring agency freelancer diy is are how why and
or for with to none color self-hosted selfhosted lightweight alternative alternatives
"""
_NO_PRODUCT = frozenset(_NOT_NAMES.split())
_SHORT = frozenset({"AWS", "GCP", "IBM", "SAP", "QB", "QBO", "ADP", "DHL", "UPS", "SES", "GHL", "MS"})
_ABBREVIATION, _LONG_WORD = re.compile("[A-Z]{2,4}"), re.compile(r"[^\W\d_]{4,}")
_UNMISTAKABLE = re.compile(rf"{_KNOWN}|\S*(?:[a-z][A-Z]|\d|\.)")  # MailBox, Box365, mailbox.com
_OTHERS = re.compile(
    r"\b(?:who|author|they|he|she|users|everyone|people|companies|startups|manufacturers|clients|customers|target\w*)\b",
    re.IGNORECASE,
)


_STATES = (
    r"(?:A[KLRZ]|C[AOT]|DE|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]"
    r"|W[AIVY]|UK|USA)"
)


@cache
def _location() -> list[re.Pattern[str]]:
    lines = (line for line in PLACES.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    names = sorted({name.strip() for line in lines for name in line.split(";")}, key=len, reverse=True)
    place = "|".join(re.escape(name).replace(r"\ ", " ") for name in names)
    return _patterns(
        rf"\b(?i:in|near|around|across|within|outside|from) (?:the )?({place})\b(?![\w-])",
        rf"\b({place})[\s-](?i:based)\b",
        r"\b(?i:based|located|live|living|headquartered) (?:out of|in) (?:the )?([A-Z]\w+(?: [A-Z]\w+)?)",
        rf"\b([A-Z][a-z]+(?: [A-Z][a-z]+)?, {_STATES})\b",
        flags=re.NOFLAG,
    )


def find_signals(post: PostText) -> tuple[BuyingSignal, ...]:
    """What the post says of each kind, in order of kind and place, at most `MAX_OF_A_KIND` of each."""
    found: dict[SignalKind, list[BuyingSignal]] = {kind: [] for kind in SignalKind}
    said: set[tuple[SignalKind, str]] = set()
    for sentence in split_sentences(post):
        text = post.part(sentence)
        for kind, start, end in sorted(set(_in_sentence(text))):
            words = (kind, text[start:end].casefold())
            if words not in said and len(found[kind]) < MAX_OF_A_KIND:
                said.add(words)
                found[kind].append(
                    BuyingSignal(kind, Span(sentence.field, sentence.start + start, sentence.start + end))
                )
    return tuple(signal for signals in found.values() for signal in signals)


def _in_sentence(text: str) -> Iterator[tuple[SignalKind, int, int]]:
    for kind, patterns in (
        (SignalKind.BUDGET, _BUDGET),
        (SignalKind.DEADLINE, _DEADLINE if _WANTS.search(text) else []),
        (SignalKind.TEAM_SIZE, _TEAM_SIZE),
        (SignalKind.COMPETITOR, _COMPETITOR),
        (SignalKind.LOCATION, _location()),
    ):
        taken: list[tuple[int, int]] = []
        for pattern in patterns:
            for match in pattern.finditer(text):
                start, end = match.span(match.lastindex or 0)
                if all(end <= left or right <= start for left, right in taken) and _holds(kind, text, start, end):
                    taken.append((start, end))
                    yield kind, start, end


def _holds(kind: SignalKind, text: str, start: int, end: int) -> bool:
    """Whether what stands around the words leaves them their meaning."""
    before = text[max(0, start - 30) : start]
    if kind is SignalKind.BUDGET:
        return _NOT_PAID.search(before) is None and _SEEKS.search(text) is not None
    if kind is SignalKind.TEAM_SIZE:
        return _OTHERS.search(before) is None
    if kind is SignalKind.COMPETITOR:
        return _OTHERS.search(before) is None and _is_product(text[start:end], text)
    return True


def _is_product(name: str, text: str) -> bool:
    first = name.split(maxsplit=1)[0]
    if first.casefold() in _NO_PRODUCT or (_ABBREVIATION.fullmatch(first) and first not in _SHORT):
        return False
    if _UNMISTAKABLE.match(first):
        return True
    # In a Title Written Like This a capital letter tells nothing.
    words = [word[0] for word in _LONG_WORD.finditer(text)]
    return 2 * sum(word[0].isupper() for word in words) <= len(words) + 2
