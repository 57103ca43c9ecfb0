"""Labels that a model would not give, which did not learn from them."""

import numpy as np
import pytest

from classifier.label_errors import suspicious
from overheard.errors import InvalidInput


def test_labels_that_were_turned_are_found_and_copies_do_not_vouch_for_them() -> None:
    dice = np.random.default_rng(5)
    labels = ["pain", "advice", "support"] * 60
    centres = {"pain": (3, 0), "advice": (0, 3), "support": (-3, -3)}
    vectors = np.array([centres[label] for label in labels] + dice.normal(0, 0.7, (180, 2)), dtype=np.float32)
    vectors[9] = vectors[12]  # a copy with the same wrong label, and known to be one
    groups = list(range(180))
    groups[9] = 12
    turned = {9: "advice", 12: "advice", 40: "support", 77: "pain"}
    said = [turned.get(place, label) for place, label in enumerate(labels)]
    said[0] = "promotion"  # too rare to learn
    found = suspicious(vectors, said, groups)
    assert {one.place: one.proposed for one in found if one.loss > 2} == {place: labels[place] for place in turned}
    assert [one.loss for one in found] == sorted((one.loss for one in found), reverse=True)
    assert found == suspicious(vectors, said, groups)
    with pytest.raises(InvalidInput, match="20 posts of each of two labels"):
        suspicious(vectors[:3], labels[:3], [0, 1, 2])
