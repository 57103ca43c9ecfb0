"""What may not be written, to whom, where, how often: each guardrail is one named check, with a setting of its own.

Two of them are no check but the shape of the code: nothing is sent that no person has approved (`replies`
knows no other way to `approved`), and nothing collected is ever turned into text that goes out, or into a prompt.
"""

from collections.abc import Collection

from overheard.errors import Refusal, ReplyRefused
from overheard.replying.guardrails import pace, people, places, words
from overheard.replying.guardrails.case import Case, Check, Guard, Guardrail, Moment, affiliation_line

__all__ = ["CHECKS", "Case", "Guard", "Guardrail", "Moment", "affiliation_line", "inspect", "refuse"]

_ALWAYS = frozenset(Moment)
_BEFORE_IT_GOES = frozenset({Moment.APPROVE, Moment.SEND})
_AS_WRITTEN = frozenset({Moment.APPROVE})

CHECKS: dict[Guardrail, tuple[Check, Collection[Moment]]] = {
    Guardrail.STOP: (pace.is_going, _ALWAYS),
    Guardrail.DO_NOT_CONTACT: (people.wants_no_contact, _ALWAYS),
    Guardrail.CONTACT_ONCE: (people.heard_from_us, _ALWAYS),
    Guardrail.TARGET: (places.can_be_answered, _ALWAYS),
    Guardrail.SKIP_LIST: (people.is_to_be_left_alone, _BEFORE_IT_GOES),
    Guardrail.COMMUNITY_RULES: (places.is_allowed_there, _ALWAYS),
    Guardrail.REMOVED_THERE: (places.was_removed_there, _ALWAYS),
    Guardrail.FRESHNESS: (places.is_fresh, _ALWAYS),
    Guardrail.DAY_CAP: (pace.is_under_the_day_cap, _BEFORE_IT_GOES),
    Guardrail.COMMUNITY_CAP: (pace.is_under_the_community_cap, _BEFORE_IT_GOES),
    Guardrail.PAUSE: (pace.has_paused, _BEFORE_IT_GOES),
    Guardrail.PLACEHOLDERS: (words.is_finished, _AS_WRITTEN),
    Guardrail.AFFILIATION: (words.says_who_writes, _AS_WRITTEN),
    Guardrail.LINKS: (words.has_good_links, _AS_WRITTEN),
    Guardrail.NEAR_COPY: (words.was_not_said_before, _AS_WRITTEN),
    Guardrail.PROMOTION: (words.is_seldom_promotion, _AS_WRITTEN),
}


def inspect(case: Case) -> list[Refusal]:
    """All that speaks against a reply at this moment, warnings too."""
    return [refusal for check, moments in CHECKS.values() if case.moment in moments for refusal in check(case)]


def refuse(case: Case, *, overrides: Collection[str] = ()) -> None:
    """`ReplyRefused` with all that stops a reply; what may be set aside, and was, stops nothing."""
    stopping = [
        refusal
        for refusal in inspect(case)
        if not refusal.is_warning and not (refusal.may_override and refusal.guardrail in overrides)
    ]
    if stopping:
        raise ReplyRefused(stopping)
