"""A behavioural test suite in the manner of CheckList (Ribeiro et al., 2020): what a model must be able to do.

Of each pair one is an ask and its near twin is none; `pairs.toml` has them by capability. From the same texts come
variations that must not change a verdict: another case, typos, a greeting. Nothing here is ever trained on.
"""

import random
import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.model import IntentModel
from classifier.text import PostText
from overheard.vocabulary import Intent

_PAIRS = Path(__file__).parent / "pairs.toml"


@dataclass(frozen=True)
class Pair:
    """An ask and its near twin that is none."""

    capability: str
    intent: Intent
    ask: PostText
    twin: PostText


@dataclass(frozen=True)
class Passed:
    """Of some pairs: how many asks are flagged, how many twins are not, and how many asks score above their twin."""

    pairs: int
    asks: int
    twins: int
    above: int


@dataclass(frozen=True)
class Stayed:
    """Of the asks that are flagged and the twins that are not: how many a variation left so."""

    asks: int
    asks_stay: int
    twins: int
    twins_stay: int

    @property
    def share(self) -> float:
        """Of both together."""
        return (self.asks_stay + self.twins_stay) / (self.asks + self.twins)


def read_pairs() -> list[Pair]:
    """All pairs, in the order of the file."""
    capabilities = tomllib.loads(_PAIRS.read_text(encoding="utf-8"))["capability"]
    return [
        Pair(one["name"], Intent(intent), _post(ask, one["where"]), _post(twin, one["where"]))
        for one in capabilities
        for intent, ask, twin in one["pairs"]
    ]


def _post(text: str, where: str) -> PostText:
    title, _, body = {"title": (text, "", ""), "body": ("", "", text), "both": text.partition("\n")}[where]
    return PostText.of(title, body)


# --- variations ----------------------------------------------------------------------------------------------------

_LONG = """\
Spring came late to our street this year. The chestnut in front of the library stood bare until the end of April, and
the children drew leaves on the pavement with chalk as if to help it along. On market day the man with the radishes had
gloves on. My neighbour paints her fence every year in the same green, and every year a bird leaves its footprints in
it before the evening. In the afternoon the brass band practised behind the fire station, the slow piece that they play
on the first of May, and somebody's dog sang along."""


def _each_field(change: Callable[[str], str]) -> Callable[[PostText], PostText]:
    return lambda post: PostText.of(change(post.title), change(post.body))


def _before(text: str) -> Callable[[PostText], PostText]:
    return lambda post: (
        PostText.of(post.title, f"{text} {post.body}") if post.body else PostText.of(f"{text} {post.title}", "")
    )


def _after(text: str) -> Callable[[PostText], PostText]:
    return lambda post: PostText.of(post.title, f"{post.body}\n\n{text}".lstrip())


def _after_a_story(post: PostText) -> PostText:
    said = post.body or post.title
    return PostText.of(post.title if post.body else "", f"{_LONG}\n\n{said}")


def _with_typos(text: str) -> str:
    """Two neighbouring letters change places in every fourth of the longer words, and in one at least."""
    chance = random.Random(text)  # noqa: S311 - equal texts, equal typos
    words = re.split(r"(\W+)", text)
    long = [index for index, word in enumerate(words) if len(word) >= 5 and word.isalpha()]
    for index in chance.sample(long, -(-len(long) // 4)):
        word = words[index]
        at = chance.choice([at for at in range(1, len(word) - 1) if word[at] != word[at + 1]])
        words[index] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
    return "".join(words)


VARIATIONS: dict[str, Callable[[PostText], PostText]] = {
    "lower case": _each_field(str.lower),
    "upper case": _each_field(str.upper),
    "typos": _each_field(_with_typos),
    "no punctuation": _each_field(lambda text: re.sub(r"[^\w\s]", "", text)),
    "emoji after it": _each_field(lambda text: f"{text} 😅🙏" if text else ""),
    "a greeting before it": _before("Hi everyone, hope you are all well!"),
    "a long story before it": _after_a_story,
    "a quoted ask after it": _after("> Which one would you recommend? I need one too."),
    "a code block after it": _after("```\nfor row in rows:\n    print(row.name, row.price)\n```"),
    "a signature after it": _after("-- \nJo Miller\nSent from my phone"),
}


# --- the suite -----------------------------------------------------------------------------------------------------


def judge_pairs(model: IntentModel, pairs: Sequence[Pair]) -> dict[str, Passed]:
    """What passes, by capability."""
    asks = model.predict([pair.ask for pair in pairs], explain=False)
    twins = model.predict([pair.twin for pair in pairs], explain=False)
    judged = list(zip(pairs, asks, twins, strict=True))
    found = {}
    for name in dict.fromkeys(pair.capability for pair in pairs):
        those = [(ask, twin) for pair, ask, twin in judged if pair.capability == name]
        found[name] = Passed(
            pairs=len(those),
            asks=sum(ask.is_lead for ask, _ in those),
            twins=sum(not twin.is_lead for _, twin in those),
            above=sum(ask.score > twin.score for ask, twin in those),
        )
    return found


def judge_variations(model: IntentModel, pairs: Sequence[Pair]) -> dict[str, Stayed]:
    """How many right verdicts stay, by variation."""
    asks = _judged_so([pair.ask for pair in pairs], model, is_lead=True)
    twins = _judged_so([pair.twin for pair in pairs], model, is_lead=False)
    return {
        name: Stayed(
            asks=len(asks),
            asks_stay=len(_judged_so([vary(post) for post in asks], model, is_lead=True)),
            twins=len(twins),
            twins_stay=len(_judged_so([vary(post) for post in twins], model, is_lead=False)),
        )
        for name, vary in VARIATIONS.items()
    }


def _judged_so(posts: Sequence[PostText], model: IntentModel, *, is_lead: bool) -> list[PostText]:
    verdicts = model.predict(posts, explain=False)
    return [post for post, verdict in zip(posts, verdicts, strict=True) if verdict.is_lead == is_lead]


def total(passed: Sequence[Passed]) -> Passed:
    """All together."""
    return Passed(
        pairs=sum(one.pairs for one in passed),
        asks=sum(one.asks for one in passed),
        twins=sum(one.twins for one in passed),
        above=sum(one.above for one in passed),
    )
