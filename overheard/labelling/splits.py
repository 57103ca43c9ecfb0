"""Examples on two sides, so that nothing of one is known on the other: no author, no conversation, no text or near-copy
of it, and by time where asked.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar
from zlib import crc32

import numpy as np
import numpy.typing as npt

from overheard.errors import InvalidInput
from overheard.labelling.examples import Example
from overheard.replying.guardrails.near_copies import jaccard, shingles, sketch
from overheard.text import normalise

Text = TypeVar("Text")

NEAR_COPY = 0.5
"""From this Jaccard similarity of their runs of three words, two texts are near-copies."""
_CONTAINED = 0.8  # so much of a text found again in a longer one: a copy with an introduction
_FEWEST_RUNS = 8  # a shorter text stands by chance in longer ones
# 42 bands of 3 find 99.6 of 100 pairs at the border of near-copies (1 - (1 - 0.5³)⁴²).
_BANDS, _ROWS = 42, 3
_OF_RUNS = 3  # one in so many runs of words is looked up: all of them would take three times the memory
_FEW = 50  # texts; what more of them share is a phrase


@dataclass(frozen=True, slots=True)
class Split:
    """Two sides, and what could stand on neither."""

    train: list[Example]
    held_out: list[Example]
    left_out: list[Example]
    """Split by time: older ones that are kin to one that is held out."""


def split(examples: Sequence[Example], *, share: float, seed: int, by_time: bool = False) -> Split:
    """Hold about `share` of the examples out: drawn at random, or the newest.

    What is kin (`kin`) stays together, so the share is met as nearly as whole groups allow; a group that is larger than
    the whole held-out side is trained on. The order in which examples come in changes nothing.
    """
    if not 0 < share < 1:
        raise InvalidInput(f"The share to hold out is between 0 and 1, not {share}.")
    in_order = sorted(examples, key=lambda one: one.post_id)
    groups = kin(in_order)
    return _by_time(groups, len(in_order), share) if by_time else _at_random(groups, len(in_order), share, seed)


def _at_random(groups: list[list[Example]], whole: int, share: float, seed: int) -> Split:
    Random(seed).shuffle(groups)  # noqa: S311 - no secret
    room = round(whole * share)
    train: list[Example] = []
    held_out: list[Example] = []
    for group in groups:
        fits = len(held_out) + len(group) <= room
        (held_out if fits else train).extend(group)
    return Split(_sorted(train), _sorted(held_out), [])


def _by_time(groups: list[list[Example]], whole: int, share: float) -> Split:
    """All of the training side was written before anything of the other."""
    times = sorted(one.written_at for group in groups for one in group)
    since = times[whole - max(round(whole * share), 1)] if times else None
    train: list[Example] = []
    held_out: list[Example] = []
    left_out: list[Example] = []
    for group in groups:
        newer = [one for one in group if since is not None and one.written_at >= since]
        older = [one for one in group if since is not None and one.written_at < since]
        held_out += newer
        (left_out if newer else train).extend(older)
    return Split(_sorted(train), _sorted(held_out), _sorted(left_out))


def _sorted(examples: Iterable[Example]) -> list[Example]:
    return sorted(examples, key=lambda one: one.post_id)


# --- what belongs together -----------------------------------------------------------------------------------------


def kin(examples: Sequence[Example]) -> list[list[Example]]:
    """The examples in groups that may not be parted: same author, same conversation, (nearly) the same text, or kin of
    kin.
    """
    parents = list(range(len(examples)))

    def root(at: int) -> int:
        while parents[at] != at:
            parents[at] = parents[parents[at]]
            at = parents[at]
        return at

    def join(one: int, other: int) -> None:
        low, high = sorted((root(one), root(other)))
        parents[high] = low

    for bucket in _alike_by_key(examples):
        for at in bucket[1:]:
            join(bucket[0], at)
    texts = [shingles(f"{one.title} {one.body}") for one in examples]
    for bucket in _candidates(examples, texts):
        different: list[int] = []
        for at in bucket:
            like = next((o for o in different if root(o) == root(at) or is_near_copy(texts[o], texts[at])), None)
            if like is None:
                different.append(at)
            else:
                join(like, at)
    groups: dict[int, list[Example]] = defaultdict(list)
    for at, example in enumerate(examples):
        groups[root(at)].append(example)
    return list(groups.values())


def is_near_copy(one: frozenset[str], other: frozenset[str]) -> bool:
    """Whether two texts, as their runs of words, are (nearly) the same, or one stands in the other."""
    if jaccard(one, other) >= NEAR_COPY:
        return True
    fewer = min(len(one), len(other))
    return fewer >= _FEWEST_RUNS and len(one & other) >= _CONTAINED * fewer


def without_copies(of: Iterable[Text], text: Callable[[Text], str], most: int) -> list[Text]:
    """The first of them, without those that nearly say what one before them says."""
    found: list[tuple[Text, frozenset[str]]] = []
    for one in of:
        runs = shingles(text(one))
        if not any(is_near_copy(runs, other) for _, other in found):
            found.append((one, runs))
            if len(found) == most:
                break
    return [one for one, _ in found]


def _alike_by_key(examples: Sequence[Example]) -> Iterator[list[int]]:
    buckets: dict[Hashable, list[int]] = defaultdict(list)
    for at, one in enumerate(examples):
        if one.author:
            buckets["author", one.platform, normalise(one.author).text.strip()].append(at)
        buckets["thread", one.thread].append(at)
        buckets["text", one.text_hash].append(at)
    return (bucket for bucket in buckets.values() if len(bucket) > 1)


def _candidates(examples: Sequence[Example], texts: Sequence[frozenset[str]]) -> Iterator[list[int]]:
    """Who may be near-copies: those whose sketches agree in a band, and those that share a run of words that few have,
    as a copy with much around it does.
    """
    buckets: dict[Hashable, list[int]] = defaultdict(list)
    for at, one in enumerate(examples):
        if not texts[at]:
            continue
        sketched: npt.NDArray[np.uint32] = np.frombuffer(sketch(f"{one.title} {one.body}"), dtype="<u4")
        for band in range(_BANDS):
            buckets[band, sketched[band * _ROWS : (band + 1) * _ROWS].tobytes()].append(at)
    rare: dict[str, list[int]] = defaultdict(list)
    for at, runs in enumerate(texts):
        for run in runs:
            if crc32(run.encode()) % _OF_RUNS == 0:
                rare[run].append(at)
    few = (bucket for bucket in rare.values() if len(bucket) <= _FEW)
    return (bucket for bucket in (*buckets.values(), *few) if len(bucket) > 1)
