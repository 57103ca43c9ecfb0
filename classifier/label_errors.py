"""Labels that surprise: each is compared with what a model says that learned from all others but its own part.

The loss of a label, minus the logarithm of the probability that such a model gives it, is large where the label is
wrong, where the post is a hard case, and where the model is weak. So it proposes what a person should look at again,
and decides nothing. The principle is that of confident learning: C. G. Northcutt and others, 2021.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from classifier.encoder_files import Vectors
from overheard.errors import InvalidInput
from overheard.labelling.doubts import Doubt, said_of
from overheard.labelling.examples import Example
from overheard.labelling.splits import kin

_FEWEST = 20  # of a label; with fewer, what is said about it is a guess
_SURPRISING = 0.5
"""A label that the model would itself give to at most this share of such posts may be doubted."""


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A label to be looked at again."""

    place: int
    """Of its post in what was given."""
    said: str
    proposed: str
    loss: float


def suspicious(
    vectors: Vectors, labels: Sequence[str], groups: Sequence[int], *, folds: int = 5, seed: int = 0
) -> list[Suspicion]:
    """The labels that the model would not give, the most surprising first.

    `groups`: posts that are kin (`overheard.labelling.splits`) are equal here, so that no copy speaks for a label.
    Labels that are rarer than 20 are left out.
    """
    counts = Counter(labels)
    kept = [place for place, label in enumerate(labels) if counts[label] >= _FEWEST]
    classes = sorted({labels[place] for place in kept})
    if len(classes) < 2:  # noqa: PLR2004 - what there is to choose between
        raise InvalidInput(f"To doubt labels takes {_FEWEST} posts of each of two labels at least.")
    seen, said = vectors[kept], np.array([classes.index(labels[place]) for place in kept])
    kin = np.array([groups[place] for place in kept])
    probabilities = np.zeros((len(kept), len(classes)))
    parts = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=seed)
    for learned, asked in parts.split(seen, said, kin):
        model = LogisticRegression(max_iter=1000, class_weight="balanced").fit(seen[learned], said[learned])
        probabilities[np.ix_(asked, model.classes_)] = model.predict_proba(seen[asked])
    of_said = probabilities[np.arange(len(kept)), said]
    best = probabilities.argmax(axis=1)
    found = [
        Suspicion(place, classes[said[at]], classes[best[at]], float(-np.log(max(of_said[at], 1e-9))))
        for at, place in enumerate(kept)
        if best[at] != said[at] and of_said[at] < _SURPRISING
    ]
    return sorted(found, key=lambda one: (-one.loss, one.place))


def doubted(examples: Sequence[Example], vectors: Vectors, *, on_too_few: Callable[[str], object]) -> list[Doubt]:
    """Labels to be looked at again: the intents where one was said, and lead or no lead for all others.

    `vectors`: one row an example. `on_too_few` is told why one of the two cannot be done.
    """
    group_of = {one.post_id: number for number, group in enumerate(kin(examples)) for one in group}
    groups = [group_of[one.post_id] for one in examples]
    named = [place for place, one in enumerate(examples) if one.intent is not None]
    found = []
    for places, words in (
        (named, [said_of(examples[place]) for place in named]),
        (range(len(examples)), ["lead" if one.is_lead else "no lead" for one in examples]),
    ):
        try:
            told = suspicious(vectors[list(places)], words, [groups[place] for place in places])
        except InvalidInput as error:
            on_too_few(str(error))
            continue
        of = [(examples[places[one.place]], one) for one in told]
        found += [Doubt(post, one.proposed, one.loss) for post, one in of if places is named or post.intent is None]
    return found
