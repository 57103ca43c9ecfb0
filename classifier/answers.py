"""What an answer to a reply of ours means, as a proposal: positive, question, negative or stop.

Plain rules, read in an order. Whoever wants to be left alone must not be overlooked, so `stop` is looked for first, and
rather too often; a person confirms each proposal. Figures: docs/model.md.
"""

# ruff: noqa: E501 - a pattern is read more easily on one line

import re
from collections.abc import Sequence

from overheard.db import Sessions
from overheard.replying import answers
from overheard.vocabulary import AnswerKind

_AT_ONCE = 200
_LONGEST = 4_000  # characters; what matters of an answer stands in its first lines


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns), re.IGNORECASE)


_LEAVE = r"(?:contact|message|messag|dm|pm|email|e-mail|write|writ|reply|repl|text|ping|tag|reach|bother|spam|call)\w*"
_STOP = _any(
    rf"\b(?:do not|don'?t|dont|never|please stop|stop|quit|cease|no more|refrain from)\b[^.!?\n]{{0,20}}\b{_LEAVE}",
    r"\bleave me (?:alone|be|out)\b", r"\bunsubscribe\b", r"\bopt(?:ing)?[- ]?out\b", r"\bremove me\b",
    r"\btake me off\b", r"\bstop (?:it|this|that|now)\b", r"^\W*stop\W*$", r"\b(?:reported|reporting|blocked|blocking)\b",
    r"\bgo away\b", r"\bfuck off\b|\bpiss off\b|\bget lost\b", r"\b(?:this is|more|unwanted|enough|just) (?:\w+ )?spam\b",
    r"\bspam(?:mer|ming|bot|my)?\b", r"\bshill\w*\b", r"\bharass\w*\b", r"\bnot (?:consent|agree)\w*\b",
    r"\bnever (?:again|ever)\b", r"\bdon'?t (?:want|need) to hear\b", r"\bdelete (?:my|this|your)\b", r"\bgdpr\b",
    r"\blose my (?:number|handle|address)\b", r"\bno (?:vendors?|sales(?:people| pitch\w*)?|solicit\w*|pitch\w*|ads?)\b",
    r"\bi'?m (?:out|done) (?:of|with) (?:this|these) (?:lists?|messages?)\b", r"\bkeep your \w+ to yourself\b",
    r"\b(?:stop|quit|cease)\W+(?:\w+ing)\b", r"\bsell(?:ing)? (?:\w+ )?(?:to|at) (?:me|us)\b", r"\b(?:message|contact|write|dm) me (?:\w+ )?(?:again|more)\b",
    r"(?:^|[.!?] )leave\b", r"\b(?:call|tell|tag) the mods\b|\bmods\b", r"\b(?:do not|don'?t|not) (?:wish|want) to be \w+", r"\brespect (?:that|it|my|our)\b",
)  # fmt: skip
_NEGATIVE = _any(
    r"^\W*(?:no|nope|nah|pass)\b", r"\bno,? thank", r"\bnot (?:really )?(?:interested|for (?:me|us)|a fit|what i|what we|"
    r"looking|worth|going to|convinced|helpful|useful|needed|relevant|anymore|any more)\b", r"\b(?:too|way too) "
    r"(?:expensive|pricey|much|complicated|complex|big|limited)\b", r"\balready (?:went|chose|picked|bought|found|"
    r"decided|solved|using|use|have|got|signed|settled|built)\b", r"\bwe(?:'ll| will) (?:stick|stay)\b", r"\b(?:went|gone|"
    r"going) with (?!you)", r"\bno longer\b", r"\b(?:don'?t|do not|doesn'?t|won'?t|can'?t|cannot) (?:think (?:it|this|so)|"
    r"need|want|see (?:it|the|why|how)|work for|fit|help|afford|justify|have the budget)\b", r"\bpassing on\b",
    r"\bhard pass\b", r"\bmaybe (?:next|another|some other)\b|\bnot (?:now|right now|yet|this (?:year|quarter|month))\b",
    r"\b(?:tried|used) (?:it|that|yours|this)\b.{0,60}\b(?:bad|terrible|awful|slow|buggy|missing|did(?:n'?t| not)|hated)\b",
    r"\b(?:overkill|out of (?:our|my) (?:budget|league)|doesn'?t (?:support|integrate|do)|deal ?breaker|disappoint\w*|"
    r"useless|waste of)\b", r"\bwe decided (?:against|to stay)\b", r"\bsolved (?:it|this|now|already)\b|\bgot it sorted\b",
    r"\bbudget (?:is|was|got) (?:cut|gone|frozen)\b", r"\bchanged (?:my|our) minds?\b",
    r"\b(?:built|made|wrote|hired|found|have) (?:our|my) own\b", r"\bis out\b", r"\b(?:however|unfortunately|sorry)\b", r"\bmissing\b|\blacks?\b", r"\bnothing to do with\b",
    r"\b(?:did|does|do|could|would) not (?:convince|work|fit|help|like|support)", r"\b(?:way|far) (?:more|too)\b", r"\b(?:cannot|can'?t|couldn'?t|won'?t) \w+", r"\bi asked (?:for|about)\b",
    r"\b(?:another|a different) way\b", r"\bit is a no\b|\bsaid no\b", r"\b(?:i|we)(?:'d| would)? (?:rather|prefer)\b", r"\bdid not\b|\bdidn'?t\b", r"\banother vendor\b|\bsomeone else\b", r", just not\b",
)  # fmt: skip
_POSITIVE = _any(
    r"\b(?:would|i'?d|we'?d) (?:love|like|be (?:happy|glad|keen|up|open|interested)|appreciate)\b",
    r"\b(?:i'?m|we'?re|am|are|very|really|definitely|quite|super|yes,?) interested\b|^\W*interested\b",
    r"\bsounds? (?:good|great|perfect|exactly|promising|interesting|like (?:what|just|exactly|it|a good))\b",
    r"\b(?:let'?s|can we|could we|shall we|happy to) (?:talk|chat|meet|hop|jump|set up|schedule|book|connect|do (?:it|that|a))\b",
    r"\b(?:send|share|dm|pm|message|email|shoot|drop|pass) (?:me|us|it|them|over|along|the|a)\b",
    r"\b(?:sign(?:ed|ing)? (?:me |us )?up|signing up|count me in|i'?m in|we'?re in|sold|take my money)\b",
    r"\b(?:will|gonna|going to|i'?ll|we'?ll|let me|want to|wanna) (?:\w+ )?(?:try|check|take a look|look (?:at|into)|give|test|"
    r"have a look|start|reach out|dm|book|get)\b", r"\b(?:book(?:ed)?|schedul\w*|set up) (?:a |the )?(?:demo|call|meeting)\b",
    r"\b(?:exactly|just) what (?:i|we)(?:'m|'re| am| are)? (?:need|look|want|was|were)\w*", r"\byes,? please\b|^\W*yes\b|^\W*sure\b",
    r"\b(?:works|perfect|great|brilliant|amazing|awesome|fantastic|lovely|nice)\b[^.?\n]{0,40}(?:!|\bthank)",
    r"\b(?:just|already) (?:signed|started|booked|installed|tried it and (?:like|love))\b", r"\bfree (?:on|tomorrow|next|this)\b",
    r"\bmy (?:email|e-mail|number|calendar) is\b|[\w.+-]+@[\w-]+\.\w+", r"\bthat (?:helps|helped|would help|solves)\b",
    r"\bpromising\b", r"\bgame ?changer\b", r"\bcheck(?:ing|ed)? (?:it|this|that) out\b", r"\bkeen\b",
    r"\b(?:could|can|will|would|gonna|going to) use (?:that|this|it)\b", r"\b(?:the one|fits?|fit us)\b", r"\b(?:pay|paying) for\b", r"\bkeeping it\b", r"\b(?:trying|downloading|installing|testing|using) it\b",
    r"\b(?:convinced|impress\w+|sold) me\b|\bthat is impressive\b", r"\btrial\b", r"\b(?:looks|is) (?:good|great|perfect|ideal|impressive)\b", r"\b(?:great|good) timing\b", r"\b(?:two|three|four|five|some|more) seats\b",
    r"\b(?:let'?s|we will|i will|we'?ll|i'?ll) (?:see|start|bring|sign|do|try)\b", r"\b(?:good to know|go on)\b", r"\bput (?:me|us) (?:on|down)\b", r"\bnext step\b",
)  # fmt: skip
_QUESTION = _any(
    r"\?", r"^\W*(?:how|what|where|when|which|who|why|does|do|is|are|can|could|will|would|any|has|have)\b",
    r"\b(?:wondering|curious|any idea|tell me more|more (?:info|details)|not sure (?:if|how|whether))\b",
)  # fmt: skip


def judge(text: str) -> tuple[AnswerKind, float]:
    """What it means, and how sure that is: the share of such proposals that were right on invented answers."""
    said = " ".join(text[:_LONGEST].replace("\u2019", "'").split())
    if _STOP.search(said):
        return AnswerKind.STOP, 0.9
    if _NEGATIVE.search(said):
        return AnswerKind.NEGATIVE, 0.85
    asks, likes = bool(_QUESTION.search(said)), bool(_POSITIVE.search(said))
    if likes:
        return AnswerKind.POSITIVE, 0.7 if asks else 0.85
    return AnswerKind.QUESTION, 0.85 if asks else 0.4


def propose_pending(sessions: Sessions) -> int:
    """Judge the answers that wait for it; how many."""
    with sessions.begin() as session:
        waiting: Sequence[tuple[int, str]] = [(each.id, each.text) for each in answers.unjudged(session, _AT_ONCE)]
        for answer_id, text in waiting:
            answers.propose(session, answer_id, *judge(text))
    return len(waiting)
