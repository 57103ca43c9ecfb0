"""What the writer of a post needs, in a few words of theirs: mostly what stands behind a cue, to its clause's end."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from classifier.evidence import Evidence
from classifier.text import PostText, Span, split_sentences

MAX_WORDS = 12
_MAX_CHARACTERS = 160  # of a run without blanks somebody made one word
_MAX_CLAUSES = 10  # of a sentence: of "a, b, c, ..." there are hundreds
# What a phrase gains by standing in the title, by standing in evidence, and by each word that says something. These and
# the strengths of the cues were settled on the training rows.
_TITLE, _EVIDENCE, _RICH = 2.0, 0.6, 0.4


def _pattern(text: str) -> re.Pattern[str]:
    """A blank stands for one to three, so that no run of blanks costs more than its length."""
    return re.compile(text.replace(" ", r"\s{1,3}").replace("'", "[\N{RIGHT SINGLE QUOTATION MARK}']?"), re.IGNORECASE)


_SOME = r"(?:(?:an?|any|some|the|my|our|your|new|good|great|best|decent|solid) ){0,3}"
_REQUEST = (
    r"(?:recommendations?|suggestions?|advice|opinions?|thoughts?|ideas?|tips|help|input|feedback|experiences?|recs?"
    r"|insights?|options?|pointers|guidance)"
)
_OF_IT = rf"(?:{_SOME}{_REQUEST} (?:for|on|about|of|with|regarding|around|as to) )?"
_PEOPLE = r"(?:any\s?(?:one|body)|some\s?one|any of you|you(?: guys| all)?|people|folks|everyone|y'all)"
_WORDS = r"(?:[^\s,;:!?()\[\]]{1,40} ){1,7}?"

# What stands before a need, or around the group `need`. The surest first: what is asked for; then what is named or
# wanted; then a pain.
_CUES = {
    3.0: (
        rf"\b(?:looking|searching|hunting|on the hunt|on the lookout|in the market) (?:around )?(?:for|into) {_OF_IT}",
        rf"\b(?:looking|trying|hoping|wanting|want|need|struggling) to (?:find|buy|hire|get|choose|pick) {_OF_IT}",
        rf"\b(?:in need of|i'm after|we're after|in search of|seeking|wish there (?:was|were)) {_OF_IT}",
        r"(?P<need>(?:[\w-]{1,30} ){0,3}(?:alternatives?|replacements?|substitutes?) (?:to|for|of)\b.*)",
        rf"\b(?:is|are) there (?:an?|any|some|anything)\b {_OF_IT}",
        rf"\b(?:knows?|heard|aware) (?:of )?(?:an?|any|some|anything)\b {_OF_IT}",
        rf"\b(?:recommend|suggest)(?:ed|ing)? (?:me |us )?{_OF_IT}",
        rf"\b{_REQUEST} (?:for|on) ",
        r"\bbest (?!way\b|practi)(?=\w)",
        rf"\bwhat (?:do|are|is) {_PEOPLE} (?:actually |currently |all )?(?:use|using|recommend) (?:for|to|as|with) ",
        r"\[(?:hiring|w|wtb|task)\] ",
        r"\b(?:hire|hiring|commission) (?:an?|some) ",
        rf"^need(?:ed|ing)? (?!to\b){_OF_IT}",
        rf"\bany {_SOME}(?={_WORDS}(?:recommend|suggest|that|which|in|for|to|with)\b)",
    ),
    2.4: (
        rf"\b(?:what|which) (?P<need>{_WORDS})(?:do|does|did|are|is|should|would|can|have|has|to|works?)\b",
        rf"\b(?:i|we) (?:really |just |urgently |also )?(?:need|want) (?!to\b){_OF_IT}",
        r"(?P<need>(?:[\w.+#-]{1,30} ){1,3}(?:vs\.?|versus) .*)",
        r"\b(?:choose|choosing|decide|deciding|torn|pick|picking|debating) between ",
        rf"\b(?:has|have|did|does|is) {_PEOPLE} (?:here |else |actually |ever ){0, 2}(?:used|tried|using|use|bought) ",
        r"\bexperiences? (?:with|using) ",
        r"\b(?:is|are) (?P<need>.{2,80}?) (?:really |actually |still )?worth\b",
        rf"\bhow (?:do|are|did) {_PEOPLE} (?:\w{{1,20}} )?(?:handl|manag|deal|solv|approach)\w* (?:with )?",
        r"\b(?:best|good|easy|easier|better|simple|cheap|cheapest|affordable) way (?:to|of) ",
    ),
    1.8: (
        r"\b(?:a|any|some) way to ",
        r"\bhelp (?:me )?(?:with|finding|choosing|find|choose|in) ",
        r"\b(?:tired of|sick of|fed up with|struggl(?:e|ing) (?:with|to)|frustrated (?:with|by)|trouble with) ",
        r"\b(?:problems? with|issues? with|drowning in|wasting time) ",
        r"\b(?:switch|switching|migrat(?:e|ing)|mov(?:e|ing)) (?:away )?(?:from|off) ",
        r"\bhow (?:do|can|should|would) (?:i|we) ",
    ),
}
_PATTERNS = [(strength, _pattern(text)) for strength, texts in _CUES.items() for text in texts]

# Where a clause ends: at a mark, or before a word that begins another.
_BORDER = _pattern(
    r"[,;:!?()\[\]{}…|<>*]|\.+(?=\s|$)|\s-+\s|[\u2013\u2014]"
    r"| (?=(?:because|but|since|so|as|if|when|while|although|though|except|i|i'm|i've|we|we're|you|they|it's|he|she"
    r"|please|pls|and (?:i|we|it|am|have|would)|or (?:should|is|do|am|are|just))\b)"
    r"|(?<!that)(?<!which)(?<!who) (?=(?:is|are|was|has|have)\b)"
)
# These may also stand within a need of which little has been said yet: "a small, quiet printer".
_SOFT = frozenset(",()[]")
_SOFT_BORDERS = 4


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words with which no need begins, words with which none ends, and words before which a long one may be cut.
_HEAD = _words(
    "a an the some any my our your this these those few other good great best decent solid really very actually just"
    " recommended favorite favourite top new to for which what what's is are there anyone else ever has have having"
    " but and or do about"
)
_TAIL = _words(
    "a an the some any my our your this that these those which who for to of in on at with from by and or like than"
    " about into via can could will would should do does be not using other also really just actually currently today"
    " now yet there out days right anyone guys thanks recommendation recommendations suggestion suggestions advice help"
    " tips me us instead anymore etc know exist exists let"
)
_JOINTS = _words("for to that which who with in on of from by and or using without like as at via where")
# Words that say nothing of what is needed.
_VAGUE = _words(
    "it this that one ones something someone somebody anything anyone anybody help advice thing things way ways stuff"
    " people them recommendation recommendations suggestion suggestions ideas options tip tips tool tools app apps"
    " software service services solution solutions good better best similar else other others alternative alternatives"
    " what how do does did you use used new here more some any where who when is are easy direction whether experience"
    " experiences a an the to for of in on and or my your me i we need with not would could should can different"
    " actually question questions difference issue issues hn ask will promote please pls thanks thank hi"
    " hello hey urgent all everyone guys folks looking stuck lost new noob beginner newbie"
)
# What a title says before it comes to the need, and words of one that rather tells.
_OPENING = _pattern(
    r"\s*(?:(?:(?:ask|tell|show) hn|question|help|advice|request|urgent|hi|hello|hey)\b[\s:,!-]{1,3}"
    r"|\[[^\]]{1,40}\]\s*"
    rf"|(?:where|how|who|when|what) (?:do|does|did|can|could|should|would|are|is|to)\b (?:(?:{_PEOPLE}|i|we) )?"
    r"(?:all |actually )*(?:(?:find|get|getting|go|going|use|using|buy|buying|handle|manage|deal with|solve|make) )?"
    rf"|(?:has |have |does |is )?{_PEOPLE} (?:here )?(?:else )?(?:ever )?(?:(?:tried|used|using|know of|know|have) )?"
    r"|(?:am i|are we|is it) (?:the only one|just me|worth|possible) (?:who |that )?|i need |need "
    r"|(?:tired of|sick of|fed up with|struggling (?:with|to)|drowning in|trouble with|problems? with) )*"
)
_TELLING = _pattern(r"\b(?:i|i'm|i've|we|(?<!that\s)(?:is|are)|was|thank\w*|will|just)\b")
_WORD, _LETTERS = re.compile(r"[\w$€£#@.](?:\S*[\w+#%$€£])?"), re.compile(r"[^\W_]+")


def find_need(post: PostText, evidence: Sequence[Evidence]) -> Span | None:
    """At most `MAX_WORDS` words of one sentence; None where no sentence has a word that says anything."""
    telling = {(one.field, one.start) for one in evidence}
    best: tuple[float, Span] | None = None
    for sentence in split_sentences(post):
        text, is_title = post.part(sentence), sentence.field == "title"
        place = _TITLE if is_title else _EVIDENCE if (sentence.field, sentence.start) in telling else 0.0
        for strength, start, end in (*_behind_cues(text), *_clauses(text, is_title=is_title)):
            value = strength + place + _RICH * min(_richness(text, start, end), 4)
            if best is None or value > best[0]:
                best = value, Span(sentence.field, sentence.start + start, sentence.start + end)
    return best[1] if best else None


def _behind_cues(text: str) -> Iterator[tuple[float, int, int]]:
    for strength, pattern in _PATTERNS:
        for found in pattern.finditer(text):
            start, end = found.span("need") if "need" in pattern.groupindex else (found.end(), len(text))
            if phrase := _phrase(text, start, end):
                yield strength, *phrase


def _clauses(text: str, *, is_title: bool) -> Iterator[tuple[float, int, int]]:
    """What is said without a cue: a title often names the need and nothing else."""
    opening = _OPENING.match(text)
    start = opening.end() if opening else 0
    strength = 0.0 if not is_title else 1.2 if _TELLING.search(text, start) else 2.0
    for border in islice(_BORDER.finditer(text, start), _MAX_CLAUSES):
        if phrase := _phrase(text, start, len(text)):
            yield strength, *phrase
        start, strength = border.end(), min(strength, 0.5)
    if phrase := _phrase(text, start, len(text)):
        yield strength, *phrase


def _phrase(text: str, start: int, end: int) -> tuple[int, int] | None:
    """What is said from `start` on, to the end of its clause and without words that say nothing at its edges."""
    for border in islice(_BORDER.finditer(text, start, end), _SOFT_BORDERS):
        if border[0] not in _SOFT or _richness(text, start, border.start()) > 1:
            end = border.start()
            break
    words = list(islice(_WORD.finditer(text, start, end), 2 * MAX_WORDS))
    while words and words[0][0].lower() in _HEAD:
        del words[0]
    if len(words) > MAX_WORDS:
        joints = [n for n in range(MAX_WORDS // 2, MAX_WORDS + 1) if words[n][0].lower() in _JOINTS]
        del words[joints[-1] if joints else MAX_WORDS :]
    while words and words[-1][0].lower() in _TAIL:
        del words[-1]
    if not words:
        return None
    start, end = words[0].start(), words[-1].end()
    return (start, end) if end - start <= _MAX_CHARACTERS and _richness(text, start, end) else None


def _richness(text: str, start: int, end: int) -> int:
    """How many words say something by themselves."""
    return sum(word not in _VAGUE for word in _LETTERS.findall(text[start:end].lower()))
