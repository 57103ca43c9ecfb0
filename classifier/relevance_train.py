"""Learn where the needs of posts lie, and calibrate. Equal data and machine give the same bytes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save
from sklearn.linear_model import LogisticRegression

from classifier.encoder_files import CHECKSUM, TextEncoder, Vectors
from classifier.head import Doubles
from classifier.labels import refuse_held_out
from classifier.metrics import Flags
from classifier.relevance import SCHEME_FILE, WEIGHTS_FILE, Offer, Scheme, Space, encode, unit
from classifier.relevance_measure import OfferFigures, figures, leads_of, read_offers
from classifier.rows import LabelledRow
from overheard.errors import InvalidInput

FOLDS = 5
SEED = 20
# Ridge: how strongly the matrix is drawn to zero. Measured at 4 and 10.
_RIDGE = 4.0
# The precision, among the training leads and all offers, at which the shipped threshold stands.
_PRECISION = 0.5


@dataclass(frozen=True)
class Trained:
    """What was learned, with figures of leads that the matrix had not seen."""

    scheme: Scheme
    space: Space
    figures: list[OfferFigures]


def train(rows: Sequence[LabelledRow], encoder: TextEncoder, *, layer: int, checksum: str = CHECKSUM) -> Trained:
    """Learn from leads with `category` and `need`."""
    refuse_held_out(rows)
    leads, offers = leads_of(rows), read_offers()
    if len(leads) < 2 * FOLDS:
        raise InvalidInput(f"{len(leads)} leads are too few to learn relevance from; give at least {2 * FOLDS}.")
    names = list(offers)
    truth = np.array([[lead.category == name for name in names] for lead in leads])
    posts = encode(encoder, [lead.post.whole for lead in leads], layer)
    needs = encode(encoder, [lead.need or lead.post.whole for lead in leads], layer)
    base = _offer_side(list(offers.values()), encoder, layer)
    targets = unit(needs - needs.mean(axis=0)) + truth.astype(np.float32) @ base.crowd

    closeness, crowd = np.zeros(truth.shape), np.zeros(truth.shape)
    fold = np.random.default_rng(SEED).permutation(len(leads)) % FOLDS
    for number in range(FOLDS):
        unseen = fold == number
        space = _with_posts(base, posts[~unseen], targets[~unseen])
        placed = space.place_posts(posts[unseen])
        for column, offer in enumerate(base.crowd):
            closeness[unseen, column], crowd[unseen, column] = space.closeness(placed, offer)
    scheme, scores = _calibrate(closeness, crowd, truth, layer=layer, checksum=checksum)
    return Trained(scheme, _with_posts(base, posts, targets), figures(leads, offers, scores))


def write(trained: Trained, folder: Path) -> None:
    """Scheme and weights into a folder."""
    arrays = {name: np.ascontiguousarray(array) for name, array in asdict(trained.space).items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / WEIGHTS_FILE).write_bytes(save(arrays))
        (folder / SCHEME_FILE).write_text(trained.scheme.model_dump_json(indent=2) + "\n", encoding="ascii")
    except OSError as error:
        raise InvalidInput(f"Relevance cannot be written to {folder}: {error.strerror}.") from error


def _offer_side(offers: Sequence[Offer], encoder: TextEncoder, layer: int) -> Space:
    """The space with its offers, the shipped ones being the crowd; of posts it knows nothing yet."""
    texts = encode(encoder, [offer.text for offer in offers], layer)
    phrases = [encode(encoder, offer.phrases, layer) for offer in offers]
    nothing = np.zeros((0, texts.shape[1]), dtype=np.float32)
    phrase_mean = np.concatenate(phrases).mean(axis=0)
    empty = Space(nothing, nothing, texts.mean(axis=0), phrase_mean, crowd=nothing)
    crowd = np.stack([empty.place_offer(text, words) for text, words in zip(texts, phrases, strict=True)])
    return Space(nothing, nothing, texts.mean(axis=0), phrase_mean, crowd)


def _with_posts(base: Space, posts: Vectors, targets: Vectors) -> Space:
    """Ridge regression from posts to where their needs, and the offers that meet them, lie."""
    mean = posts.mean(axis=0)
    centred = (posts - mean).astype(np.float64)
    gram = centred.T @ centred + _RIDGE * np.eye(centred.shape[1])
    solved = np.linalg.solve(gram, centred.T @ (targets - targets.mean(axis=0)))
    return Space(mean, solved.astype(np.float32), base.text_mean, base.phrase_mean, base.crowd)


def _calibrate(
    closeness: Doubles, crowd: Doubles, truth: Flags, *, layer: int, checksum: str
) -> tuple[Scheme, Doubles]:
    """Platt's line over all pairs of lead and offer, and the threshold.

    Leads were drawn for their words and never for their category, so they stand for the leads of life as they are.
    """
    pairs = np.stack([closeness.ravel(), crowd.ravel()], axis=1)
    line = LogisticRegression(C=1e6).fit(pairs, truth.ravel())
    (slope, against), intercept = line.coef_[0].tolist(), float(line.intercept_[0])
    scores = 1 / (1 + np.exp(-(slope * closeness + against * crowd + intercept)))
    scheme = Scheme(
        format=1,
        encoder=checksum,
        layer=layer,
        slope=round(slope, 6),
        crowd=round(against, 6),
        intercept=round(intercept, 6),
        threshold=_threshold(scores.ravel(), truth.ravel()),
    )
    return scheme, scores


def _threshold(scores: Doubles, truth: Flags) -> float:
    """The lowest of which this share is right."""
    for step in np.arange(0.05, 0.951, 0.01):
        said = scores >= step
        if said.any() and truth[said].mean() >= _PRECISION:
            return round(float(step), 2)
    return 0.95
