"""How a reply's state is said to a person, with what to do."""

from overheard.measuring.reply_totals import ReplyTotals
from overheard.models import Reply
from overheard.vocabulary import AnswerKind, ReplyState, SendingWay

_HOUR = 60
_DAY = 24
_STATES = {
    ReplyState.DRAFT: ("Draft", "Not finished. Nobody has seen it."),
    ReplyState.APPROVED: ("Approved", "It waits to be sent. You can still take it back."),
    ReplyState.SENDING: ("On its way", "It is being sent just now. This takes a moment."),
    ReplyState.SENT: ("Sent", "It stands there."),
    ReplyState.FAILED: (
        "Not sent",
        "It surely does not stand there, and is not tried again by itself. Write again if it still fits.",
    ),
    ReplyState.AMBIGUOUS: (
        "Unclear",
        "The answer was lost: it may stand there or not. It is looked for, and never sent twice. Look, and say.",
    ),
    ReplyState.DISCARDED: ("Discarded", "It was never sent."),
}
_KINDS = {
    AnswerKind.POSITIVE: ("Positive", "makes a prospect"),
    AnswerKind.QUESTION: ("A question", "wants an answer"),
    AnswerKind.NEGATIVE: ("Negative", "leave it at that"),
    AnswerKind.STOP: ("Stop", "never write to them again"),
}


def reply_state(reply: Reply) -> str:
    """The state as a word."""
    if reply.removed_at is not None:
        return "Taken away"
    return "Approved, yours to post" if _is_yours_to_post(reply) else _STATES[reply.state][0]


def reply_advice(reply: Reply) -> str:
    """What the state means, and what to do."""
    if reply.removed_at is not None:
        return "It was there and was taken away. Read the community's rules, and write nothing there for a while."
    if _is_yours_to_post(reply):
        return "Copy it, post it under the post, then paste the address of your reply below."
    return _STATES[reply.state][1]


def answer_kind(kind: AnswerKind) -> str:
    """What an answer means, as a word."""
    return _KINDS[kind][0]


def answer_effect(kind: AnswerKind) -> str:
    """What saying so does."""
    return _KINDS[kind][1]


def _is_yours_to_post(reply: Reply) -> bool:
    return reply.state is ReplyState.APPROVED and reply.way is SendingWay.ASSISTED


def minutes(number: float) -> str:
    """A span of minutes, in the largest unit that says something."""
    hours = number / _HOUR
    if number < _HOUR:
        return f"{round(number)} min"
    return f"{hours:.1f} h" if hours < _DAY else f"{hours / _DAY:.1f} days"


def totals_line(totals: ReplyTotals) -> str:
    """The totals as one line, for any page."""
    if not totals.sent:
        return "nothing was sent."
    answered, positive = totals.reply_rate or 0, totals.positive_rate or 0
    line = f"{totals.sent} sent, {answered:.0%} answered, {positive:.0%} positive"
    if totals.minutes_to_reply is not None:
        line += f", {minutes(totals.minutes_to_reply)} from post to reply (median)"
    return line + (f", {totals.removed} taken away." if totals.removed else ".")
