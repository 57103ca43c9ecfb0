"""The intent model: posts in, verdicts out. Needs nothing that only training needs."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from classifier.adapters import ADAPTERS_FILE, Adapters, read_adapters
from classifier.encoder_files import TokenReader, Vectors
from classifier.evidence import Evidence, find_evidence
from classifier.explanation import Explanation, explain_post
from classifier.first_stage import FirstStage
from classifier.head import (
    INTENTS,
    IS_LEAD,
    SCHEME_FILE,
    WEIGHTS_FILE,
    Doubles,
    Head,
    Scheme,
    blind_to,
    encoder_of,
    lead_log_odds,
    read_head,
    read_scheme,
    scores_of,
)
from classifier.language import ENGLISH, find_language
from classifier.ranges import read_ranges
from classifier.runtime import Precision, Runtime
from classifier.settled import find_settled
from classifier.text import PostText, has_word
from overheard.errors import ModelError
from overheard.settings import Settings
from overheard.vocabulary import Intent

SHIPPED = Path(__file__).parent / "artefact"

# Posts read at once: enough to keep all cores busy, and memory stays flat whatever comes. The states of the tokens of
# one take up to 1.6 MB.
_POSTS_AT_ONCE = 128

# Of the score from which evidence is looked for: a post of which the changed layers alone say less is read no further.
_SURE = 0.5

# Languages that are judged; None is too short or too mixed to tell.
_READ = (ENGLISH, None)


@dataclass(frozen=True)
class Verdict:
    """What the model says about one post."""

    score: float
    is_lead: bool
    intent: Intent
    probabilities: dict[Intent, float]
    evidence: tuple[Evidence, ...]
    language: str | None = None
    """ISO 639 code; None where the text is too short or too mixed to tell, which is read as English."""
    is_judged: bool = True
    """Whether the model can read the language. If not, the score is 0 and says nothing."""
    is_dismissed: bool = False
    """Whether the first stage alone said so. The score is its own, and it knows nothing of the nine intents."""
    explanation: Explanation | None = None
    """Of a post that may be a lead, where it was asked for."""
    own: Mapping[int, float] = field(default_factory=dict)
    """The scores by campaigns' own heads (numbers of their versions), where the shared head did not dismiss it."""


class IntentModel:
    """An encoder with a trained head, calibrated, and a threshold."""

    def __init__(
        self,
        scheme: Scheme,
        head: Head,
        encoder: TokenReader,
        *,
        version: str,
        version_alone: str,
        first_stage: FirstStage | None,
    ) -> None:
        expected = encoder.dimensions * len(scheme.layers)
        if head.mean.shape != (expected,) or max(scheme.layers) > encoder.layers:
            raise ModelError(f"The model {version} was trained on another encoder than the one at hand.")
        _check_teacher(first_stage, version_alone)
        self._scheme, self._head, self._encoder, self._first_stage = scheme, head, encoder, first_stage
        self._version, self._version_alone = version, version_alone
        self._own: dict[int, tuple[Head, Scheme]] = {}
        self._later = np.isin(scheme.layers, encoder.later)
        # With a first stage little is to be read, without one all in full.
        in_part = first_stage is not None and self._later.any()
        self._glance = blind_to(head, np.repeat(self._later, encoder.dimensions)) if in_part else None

    @classmethod
    def load(cls, folder: Path, encoder: TokenReader, *, first_stage: bool = True) -> Self:
        """The model in a folder, on the encoder with the adapters that stand there (`read_adapters`).

        Its weights are numbers in safetensors and JSON; loading runs no code of theirs.

        `first_stage`: whether to dismiss what a first stage is sure of, where the folder has one.
        """
        scheme = read_scheme(folder)
        head = read_head(folder)
        stage = FirstStage.load(folder) if first_stage else None
        alone = _version(folder, scheme)
        version = _version(folder, scheme, stage) if stage else alone
        return cls(scheme, head, encoder, version=version, version_alone=alone, first_stage=stage)

    @property
    def version(self) -> str:
        """Name and fingerprint: other weights or another threshold are another version."""
        return self._version

    @property
    def version_alone(self) -> str:
        """The same without the first stage."""
        return self._version_alone

    @property
    def threshold(self) -> float:
        """The score from which a post is a lead."""
        return self._scheme.threshold

    @property
    def heads(self) -> Collection[int]:
        """The campaigns' own heads that judge beside the shared one, by the numbers of their versions."""
        return self._own.keys()

    @property
    def read_from(self) -> float:
        """Posts of which the shared head says less are dismissed for all campaigns: of some not all layers are read."""
        return _SURE * min(self._scheme.evidence_floor, self.threshold)

    def take_heads(self, folders: Mapping[int, Path]) -> None:
        """Let these campaigns' own heads judge too, and no others. They look at what the shared head looks at."""
        taken = {version_id: (read_head(folder), read_scheme(folder)) for version_id, folder in folders.items()}
        for head, scheme in taken.values():
            if (scheme.encoder, scheme.layers) != (self._scheme.encoder, self._scheme.layers):
                raise ModelError(f"A head of the model {scheme.name} was made for another encoder than {self.version}.")
            if head.mean.shape != self._head.mean.shape:
                raise ModelError(f"A head of the model {scheme.name} looks at other layers than {self.version}.")
        self._own = taken

    def own_scores(self, posts: Sequence[PostText]) -> list[dict[int, float]]:
        """What the campaigns' own heads say of posts, which are read in full."""
        found: list[dict[int, float]] = []
        for start in range(0, len(posts), _POSTS_AT_ONCE):
            texts = [post.whole for post in posts[start : start + _POSTS_AT_ONCE]]
            found += self._said_by_own(self._encoder.encode_layers(texts, self._scheme.layers))
        return found

    def _said_by_own(self, vectors: Vectors) -> list[dict[int, float]]:
        inputs = vectors.reshape(len(vectors), -1)
        scores = {number: scores_of(head, scheme, inputs) for number, (head, scheme) in self._own.items()}
        return [{number: float(of_all[row]) for number, of_all in scores.items()} for row in range(len(inputs))]

    def predict(self, posts: Sequence[PostText], *, explain: bool = True) -> list[Verdict]:
        """One verdict a post, in order. A post without a letter or digit is no lead, with score 0.

        A post in another language than English is not judged. One whose writer says that the need is met has score 0,
        and the line that says so as evidence.

        `explain`: whether to look for evidence, need and signals.
        """
        distinct = list(dict.fromkeys(posts))  # what was posted in several places is judged once
        verdicts = dict(zip(distinct, self._predict_distinct(distinct, explain=explain), strict=True))
        return [verdicts[post] for post in posts]

    def _predict_distinct(self, posts: Sequence[PostText], *, explain: bool) -> list[Verdict]:
        languages = [find_language(post) for post in posts]
        verdicts = [_known_unread(post, language) for post, language in zip(posts, languages, strict=True)]
        if stage := self._first_stage:
            verdicts = [
                verdict or _dismissed(post, stage, language)
                for post, verdict, language in zip(posts, verdicts, languages, strict=True)
            ]
        unread = [index for index, verdict in enumerate(verdicts) if verdict is None]
        for start in range(0, len(unread), _POSTS_AT_ONCE):
            some = unread[start : start + _POSTS_AT_ONCE]
            read = self._read([posts[index] for index in some], explain=explain)
            for index, verdict in zip(some, read, strict=True):
                verdicts[index] = replace(verdict, language=languages[index])
        return [verdict for verdict in verdicts if verdict]

    def _read(self, posts: Sequence[PostText], *, explain: bool) -> Iterator[Verdict]:
        texts = [post.whole for post in posts]
        floor = min(self._scheme.evidence_floor, self.threshold)

        def enough(vectors: Vectors) -> bool:
            return float(self._scores(vectors[None])[0]) < self.read_from

        if not explain:
            vectors = self._encoder.encode_layers(texts, self._scheme.layers, enough=enough if self._glance else None)
            yield from self._verdicts(vectors)
            return
        readings = self._encoder.read(texts, self._scheme.layers, enough=enough if self._glance else None)
        verdicts = self._verdicts(np.array([reading.vectors for reading in readings]))
        for post, reading, verdict in zip(posts, readings, verdicts, strict=True):
            if verdict.score >= floor:
                evidence = find_evidence(post, reading, self._scores)
                yield replace(verdict, evidence=evidence, explanation=explain_post(post, evidence))
            else:
                yield verdict

    def _verdicts(self, vectors: Vectors) -> list[Verdict]:
        verdicts = [self._verdict(row) for row in self._probabilities(vectors)]
        if self._own:
            said = self._said_by_own(vectors)
            return [
                replace(verdict, own=own) if verdict.score >= self.read_from else verdict
                for verdict, own in zip(verdicts, said, strict=True)
            ]
        return verdicts

    def _verdict(self, probabilities: Doubles) -> Verdict:
        score = float(probabilities[IS_LEAD].sum())
        is_lead = score >= self.threshold
        # The intent agrees with the verdict, so it is the best of that side even where one of the other is likelier.
        intent = INTENTS[int(np.where(is_lead == IS_LEAD, probabilities, -1.0).argmax())]
        return Verdict(score, is_lead, intent, dict(zip(INTENTS, probabilities.tolist(), strict=True)), ())

    def scores(self, posts: Sequence[PostText]) -> Doubles:
        """The scores of posts that are all read: no first stage, no rule, no other language."""
        found = np.zeros(len(posts))
        worded = [index for index, post in enumerate(posts) if has_word(post.whole)]
        for start in range(0, len(worded), _POSTS_AT_ONCE):
            some = worded[start : start + _POSTS_AT_ONCE]
            texts = [posts[index].whole for index in some]
            found[some] = self._scores(self._encoder.encode_layers(texts, self._scheme.layers))
        return found

    def _probabilities(self, vectors: Vectors) -> Doubles:
        """Calibrated: the leads' sum is the score, the others' is the rest."""
        inputs = vectors.reshape(len(vectors), -1)
        raw = self._head.log_probabilities(inputs)
        if self._glance:
            unread = ~vectors[:, self._later].any(axis=(1, 2))
            raw[unread] = self._glance.log_probabilities(inputs[unread])
        return calibrate(raw, slope=self._scheme.slope, intercept=self._scheme.intercept)

    def _scores(self, vectors: Vectors) -> Doubles:
        scores: Doubles = self._probabilities(vectors)[:, IS_LEAD].sum(axis=1)
        return scores


def _known_unread(post: PostText, language: str | None) -> Verdict | None:
    """The verdict about a post that need not or cannot be read: without a word, settled by its writer, or in another
    language.
    """
    if not has_word(post.whole):
        return Verdict(0.0, False, Intent.DISCUSSION, {Intent.DISCUSSION: 1.0}, ())
    if language not in _READ:
        return Verdict(0.0, False, Intent.DISCUSSION, {}, (), language=language, is_judged=False)
    if line := find_settled(post):
        reason = Evidence(line.field, line.start, line.end, weight=0.0)
        return Verdict(0.0, False, Intent.DISCUSSION, {Intent.DISCUSSION: 1.0}, (reason,), language=language)
    return None


def _dismissed(post: PostText, stage: FirstStage, language: str | None) -> Verdict | None:
    """The verdict about a post that the first stage is sure of."""
    score = stage.dismiss(post)
    if score is None:
        return None
    return Verdict(score, False, Intent.DISCUSSION, {}, (), language=language, is_dismissed=True)


def calibrate(log_probabilities: Doubles, *, slope: float, intercept: float) -> Doubles:
    """Probabilities whose lead side sums to the calibrated score; within a side the proportions stay."""
    score = 1 / (1 + np.exp(-(slope * lead_log_odds(log_probabilities) + intercept)))
    probabilities = np.exp(log_probabilities)
    for side, share in ((IS_LEAD, score), (~IS_LEAD, 1 - score)):
        probabilities[:, side] *= (share / probabilities[:, side].sum(axis=1))[:, None]
    return probabilities


def load_model(
    model_path: Path | None,
    encoder_path: Path | None,
    *,
    cores: int | None = None,
    precision: Precision = "f32",
    first_stage: bool = True,
) -> IntentModel:
    """The model in a folder (default: the one shipped) on the encoder that is found, on all cores or on some."""
    folder = model_path or SHIPPED
    adapters = read_adapters(folder)
    runtime = Runtime(
        encoder_of(folder, encoder_path),
        depth=depth_of(folder, adapters),
        adapters=adapters,
        layers=read_scheme(folder).layers,
        cores=cores,
        precision=precision,
        ranges=read_ranges(folder),
    )
    return IntentModel.load(folder, runtime, first_stage=first_stage)


def make_loader(settings: Settings) -> Callable[[Path], IntentModel]:
    """What loads the model in a folder as the settings say."""
    return lambda folder: load_model(folder, settings.encoder_path, precision=settings.precision)


def version_of(folder: Path) -> str:
    """What the model in a folder calls itself (`IntentModel.version`), told without an encoder; `ModelError` where its
    files are no model of ours.
    """
    scheme, stage = read_scheme(folder), FirstStage.load(folder)
    read_head(folder)
    read_adapters(folder)
    _check_teacher(stage, _version(folder, scheme))
    return _version(folder, scheme, stage)


def _check_teacher(stage: FirstStage | None, version_alone: str) -> None:
    if stage and stage.scheme.taught_by != version_alone:
        message = f"The first stage beside the model {version_alone} was taught by {stage.scheme.taught_by}."
        raise ModelError(f"{message} Teach it anew with `overheard first-stage`, or delete its two files.")


def _version(folder: Path, scheme: Scheme, stage: FirstStage | None = None) -> str:
    """Name and fingerprint, with the first stage or without."""
    files = [folder / name for name in (WEIGHTS_FILE, SCHEME_FILE, ADAPTERS_FILE)]
    content = b"".join(file.read_bytes() for file in files if file.exists())
    if stage:
        content += b"".join(stage.files().values())
    return f"{scheme.name}-{hashlib.sha256(content).hexdigest()[:12]}"


def seen_in(folder: Path) -> str:
    """Of what the head in a folder looks at: encoder, changed layers, and which layers. Heads of which it is equal can
    judge in one reading.
    """
    scheme, adapters = read_scheme(folder), folder / ADAPTERS_FILE
    told = hashlib.sha256(f"{scheme.encoder} {scheme.layers} ".encode())
    told.update(adapters.read_bytes() if adapters.exists() else b"")
    return told.hexdigest()[:16]


def depth_of(folder: Path, adapters: Adapters | None) -> int:
    """How many of the encoder's layers the model in a folder reads, changed ones not counted again."""
    return adapters.depth if adapters else max(read_scheme(folder).layers)
