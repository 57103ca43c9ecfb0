"""How long light retraining takes once the vectors are cached: `make bench`.

The head and the calibration of the shipped model learn from invented vectors. What reading the posts costs, once, is
what `overheard bench classify` measures.
"""

import argparse
import time

import numpy as np

from classifier.adapt import UNKNOWN, Labelled, adapt
from classifier.head import read_head, read_scheme
from classifier.model import SHIPPED
from classifier.retrain_config import read_config
from tests import measured

LABELS = 5_000
HEAD = ("cached labels", "processor", "by the clock")


def main() -> list[str]:
    """Print seconds; a row of them, as `HEAD` says."""
    head, scheme = read_head(SHIPPED), read_scheme(SHIPPED)
    dice = np.random.default_rng(1)
    vectors = dice.normal(head.mean, head.scale, size=(LABELS, len(head.mean))).astype(np.float32)
    labelled = Labelled(
        vectors,
        is_lead=dice.random(LABELS) < 0.3,
        intents=np.full(LABELS, UNKNOWN),
        weights=np.ones(LABELS, dtype=np.float32),
        groups=np.arange(LABELS),
    )
    adaptation = read_config().adaptation
    adapt(head, scheme, labelled.only(np.arange(LABELS) < 200), adaptation, seed=1)  # torch's own start is not ours
    processor, clock = time.process_time(), time.perf_counter()
    adapt(head, scheme, labelled, adaptation, seed=1)
    row = [f"{LABELS:,}", f"{time.process_time() - processor:.1f} s", f"{time.perf_counter() - clock:.1f} s"]
    print(", ".join(f"{what}: {figure}" for what, figure in zip(HEAD, row, strict=True)))  # noqa: T201 - its output
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    measured.add_option(parser)
    write_docs = parser.parse_args().write_docs
    row = main()
    if write_docs:
        measured.write("retrain", HEAD, [row])
