"""Near-copies of earlier replies: found by MinHash, told by the exact Jaccard similarity of their word shingles."""

import re

import numpy as np
import sqlalchemy as sa
from rensa import RMinHash
from sqlalchemy.orm import joinedload

from overheard.models import Reply
from overheard.replying.guardrails.case import Case, affiliation_line
from overheard.text import normalise
from overheard.vocabulary import ReplyState

_PERMUTATIONS = 128
_SEED = 1
_SHINGLE = 3
# A sketch says how alike two texts are to about 0.09 (1/√128): what it puts this far below the border is surely below.
_SLACK = 0.25
_WORD = re.compile(r"\w+")
_WENT_OUT = (ReplyState.APPROVED, ReplyState.SENDING, ReplyState.SENT, ReplyState.AMBIGUOUS)


def shingles(text: str) -> frozenset[str]:
    """The runs of three words of a text; a shorter text is one run."""
    words = _WORD.findall(normalise(text).text)
    last = max(len(words) - _SHINGLE, 0)
    return frozenset(" ".join(words[at : at + _SHINGLE]) for at in range(last + 1)) if words else frozenset()


def sketch(text: str) -> bytes:
    """A text's MinHash, as it is stored."""
    hashed = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
    hashed.update(sorted(shingles(text)))
    return np.array(hashed.digest(), dtype="<u4").tobytes()


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """How alike two sets are."""
    return len(one & other) / len(one | other) if one and other else 0.0


def nearest(case: Case, text: str, since: sa.ColumnElement[bool], *, border: float) -> tuple[Reply, float] | None:
    """The reply of ours most like a text, if it is at least as like as `border`.

    The line that says who writes is in all of them: it is taken out before texts are compared in earnest.
    """
    told = sa.select(Reply.id, Reply.sketch).where(Reply.state.in_(_WENT_OUT), Reply.key != case.reply.key, since)
    rows = case.session.execute(told).all()
    ours = np.frombuffer(sketch(text), dtype="<u4")
    alike = np.array([np.mean(np.frombuffer(row.sketch, dtype="<u4") == ours) for row in rows])
    candidates = [row.id for row, share in zip(rows, alike, strict=True) if share >= border - _SLACK]
    own = shingles(text)
    best: tuple[Reply, float] | None = None
    earlier = sa.select(Reply).where(Reply.id.in_(candidates)).options(joinedload(Reply.author))
    for reply in case.session.scalars(earlier):
        line = affiliation_line(case.guard, reply.author, case.campaign)
        similarity = jaccard(own, shingles(reply.text.replace(line, " ")))
        if similarity >= border and (best is None or similarity > best[1]):
            best = (reply, similarity)
    return best
