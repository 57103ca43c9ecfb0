"""How fast posts are judged: beside what people would write without us, stage by stage, on one core and on all.

Each way stands in a process of its own, so that its memory is its own; all read the same posts and take turns round by
round. Only the ratios mean something on another machine.
"""

import importlib.util
import multiprocessing
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from classifier.adapters import read_adapters
from classifier.encoder_files import find_encoder, read_tokenizer
from classifier.first_stage import FirstStage
from classifier.head import INTENTS, read_head, read_scheme
from classifier.language import find_language
from classifier.model import SHIPPED, IntentModel, depth_of, load_model
from classifier.rows import PostRow, read_posts
from classifier.runtime import Runtime, has_bfloat16, has_eight_bits
from classifier.text import PostText, split_sentences

ROUNDS = 3

Work = Callable[[], object]

_START = """
import resource, sys, time
started = time.perf_counter()
from classifier.model import load_model
from classifier.text import PostText
model = load_model(None, None)
model.predict([PostText("Looking for a CRM for nine people", "What do you use?")], explain=sys.argv[1] == "explain")
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def read_sample(path: Path, posts: int) -> list[PostText]:
    """So many posts of a file, drawn at random, always the same; all where it has no more. It may be a `.zst` file."""
    found = [row.post for row in read_posts(path) if isinstance(row, PostRow)]
    return random.Random(1).sample(found, min(posts, len(found)))  # noqa: S311 - no secret


@dataclass(frozen=True)
class Measured:
    """One way of judging, or a stage of it: posts a second; milliseconds of processor a post, which say more where
    others work on the machine too; how many times the baseline; megabytes at most.
    """

    what: str
    speed: float
    processor: float
    ratio: float | None = None
    peak: float | None = None


def measure(posts: Sequence[PostText], *, encoder_path: Path | None = None) -> Iterator[Measured]:
    """All ways, the first of them the baseline; then the stages of ours, alone and on distinct posts."""
    folder = find_encoder(encoder_path)
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    processes = []
    for name in _WAYS:
        if name == _BASELINE and not importlib.util.find_spec("sentence_transformers"):
            continue
        if (name == _BFLOAT16 and not has_bfloat16()) or (name == _EIGHT_BITS and not has_eight_bits()):
            continue
        pipes[name], theirs = context.Pipe()
        processes.append(context.Process(target=_serve, args=(name, posts, folder, theirs), daemon=True))
        processes[-1].start()
        pipes[name].recv()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in pipes}
    for _ in range(ROUNDS):
        for name, pipe in pipes.items():
            pipe.send(True)
            seconds[name].append(pipe.recv())
    first = next(iter(seconds.values()))
    for name, taken in seconds.items():
        pipes[name].send(False)
        # In pairs: what was measured in one round met about the same machine.
        ratio = statistics.median(theirs[0] / ours[0] for theirs, ours in zip(first, taken, strict=True))
        yield _measured(name, taken, len(posts), ratio=ratio, peak=pipes[name].recv())
    for process in processes:
        process.join()
    for name, stage in _stages(posts, folder).items():
        yield _measured(f"stage: {name}", [_seconds(stage)], len(posts))


def shares(posts: Sequence[PostText], *, encoder_path: Path | None = None) -> dict[str, float]:
    """What becomes of the posts, as shares of all: only those that are read cost what an encoder costs."""
    distinct = list(dict.fromkeys(posts))
    verdicts = load_model(None, encoder_path).predict(distinct)
    dismissed = sum(verdict.is_dismissed for verdict in verdicts)
    foreign = sum(not verdict.is_judged for verdict in verdicts)
    read = sum(len(verdict.probabilities) == len(INTENTS) for verdict in verdicts)
    counts = {
        "said before": len(posts) - len(distinct),
        "in another language": foreign,
        "without a word, or settled by the writer": len(distinct) - dismissed - foreign - read,
        "dismissed by the first stage": dismissed,
        "read": read,
        "explained": sum(bool(verdict.evidence) for verdict in verdicts),
    }
    return {what: count / len(posts) for what, count in counts.items()}


@dataclass(frozen=True)
class Start:
    """A process that judges one post: seconds from its first import, megabytes at most."""

    seconds: float
    peak: float


def start_up(*, explain: bool) -> Start:
    """Starting, loading and one verdict, in a process of its own; the median of three."""
    command = [sys.executable, "-c", _START, "explain" if explain else "score"]
    runs = [
        tuple(map(float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()))  # noqa: S603 - our own code
        for _ in range(ROUNDS)
    ]
    return Start(*sorted(runs)[ROUNDS // 2])


def _serve(name: str, posts: Sequence[PostText], folder: Path, pipe: Connection) -> None:
    work = _WAYS[name](posts, folder)
    _WAYS[name](posts[:8], folder)()  # what is done once, at the first use
    pipe.send(None)
    while pipe.recv():
        pipe.send(_seconds(work))
    pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def _seconds(work: Work) -> tuple[float, float]:
    """By the clock, and of the processor."""
    started, worked = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - worked


def _measured(
    what: str, taken: list[tuple[float, float]], posts: int, *, ratio: float | None = None, peak: float | None = None
) -> Measured:
    seconds, processor = (statistics.median(column) for column in zip(*taken, strict=True))
    return Measured(what, posts / seconds, 1000 * processor / posts, ratio, peak)


def _baseline(posts: Sequence[PostText], folder: Path) -> Work:
    """The whole encoder, its last layer, and a head of the size of ours."""
    from sentence_transformers import SentenceTransformer

    encoder, head, scheme = SentenceTransformer(str(folder), device="cpu"), read_head(SHIPPED), read_scheme(SHIPPED)
    texts = [post.whole for post in posts]

    def judge() -> object:
        vectors = encoder.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=False)
        return head.log_probabilities(vectors.repeat(len(scheme.layers), axis=1))

    return judge


def _torch(posts: Sequence[PostText], folder: Path) -> Work:
    from classifier.encoder import Encoder

    adapters = read_adapters(SHIPPED)
    encoder = Encoder(folder, depth=depth_of(SHIPPED, adapters), adapters=adapters)
    model = IntentModel.load(SHIPPED, encoder, first_stage=False)
    return lambda: model.predict(posts, explain=False)


def _ours(posts: Sequence[PostText], folder: Path) -> Work:
    model = load_model(None, folder)
    return lambda: model.predict(posts, explain=False)


def _ours_without_first_stage(posts: Sequence[PostText], folder: Path) -> Work:
    model = load_model(None, folder, first_stage=False)
    return lambda: model.predict(posts, explain=False)


def _ours_with_evidence(posts: Sequence[PostText], folder: Path) -> Work:
    model = load_model(None, folder, precision="native")
    return lambda: model.predict(posts)


def _ours_in_bfloat16(posts: Sequence[PostText], folder: Path) -> Work:
    model = load_model(None, folder, precision="bf16")
    return lambda: model.predict(posts, explain=False)


def _ours_in_eight_bits(posts: Sequence[PostText], folder: Path) -> Work:
    model = load_model(None, folder, precision="i8")
    return lambda: model.predict(posts, explain=False)


def _ours_on_one_core(posts: Sequence[PostText], folder: Path) -> Work:
    model = load_model(None, folder, cores=1, precision="native")
    return lambda: model.predict(posts)


_BASELINE = "sentence-transformers, batches of 32"
_BFLOAT16 = "ours, in bfloat16"
_EIGHT_BITS = "ours, in eight bits"
_WAYS: dict[str, Callable[[Sequence[PostText], Path], Work]] = {
    _BASELINE: _baseline,
    "our model on torch, every post read": _torch,
    "ours, every post read": _ours_without_first_stage,
    "ours": _ours,
    _BFLOAT16: _ours_in_bfloat16,
    _EIGHT_BITS: _ours_in_eight_bits,
    "ours, natively, with evidence": _ours_with_evidence,
    f"ours, natively, with evidence, one core of {os.cpu_count()}": _ours_on_one_core,
}


def _stages(posts: Sequence[PostText], folder: Path) -> dict[str, Work]:
    scheme, head = read_scheme(SHIPPED), read_head(SHIPPED)
    adapters = read_adapters(SHIPPED)
    runtime = Runtime(folder, depth=depth_of(SHIPPED, adapters), adapters=adapters, layers=scheme.layers)
    tokenizer = read_tokenizer(folder, positions=512)
    distinct = list(dict.fromkeys(posts))
    texts = [post.whole for post in distinct]
    vectors = runtime.encode_layers(texts, scheme.layers).reshape(len(texts), -1)
    split_sentences(distinct[0])  # spaCy is imported here, the language model read there
    find_language(PostText("", "Wo finde ich in der Altstadt einen guten Handwerker für mein Badezimmer?"))
    stage = FirstStage.load(SHIPPED)
    return {
        "telling posts apart": lambda: dict.fromkeys(posts),
        "language": lambda: [find_language(post) for post in distinct],
        **({"first stage": lambda: [stage.score(post) for post in distinct]} if stage else {}),
        "tokens": lambda: tokenizer.encode_batch(texts),
        "tokens and encoder": lambda: runtime.encode_layers(texts, scheme.layers),
        "head": lambda: head.log_probabilities(vectors),
        "sentences": lambda: [split_sentences(post) for post in distinct],
    }
