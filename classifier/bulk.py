"""Scoring whole archives: in parts, each a file that is there when it is whole, so that a kill costs one part at most.

Beside the parts stand `_bad/`, which holds what could not be read, and `_state.jsonl`: what is being scored, and then a
line for each part that is done. Names that begin with `_` are passed over by what reads a folder as one table.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, Self, TypeAlias

from classifier.bulk_rows import write_rows
from classifier.model import IntentModel, load_model
from classifier.rows import PostRow
from classifier.runtime import Precision
from overheard.errors import InvalidInput

PART = 2_000
"""Records of a part: some seconds of work, and all that is held in memory at once."""

# Posts judged at once. The model sorts them by length, so some hundreds pay.
_CHUNK = 500

STATE, BAD = "_state.jsonl", "_bad"
Form: TypeAlias = Literal["jsonl", "parquet"]


@dataclass(frozen=True, slots=True)
class SetAside:
    """What could not be read, and where it stands in its archive."""

    where: str
    reason: str


Record: TypeAlias = Callable[[], PostRow | SetAside | None]
"""A record of an archive that was found and is not read yet; None is one that is no person's post."""
Reader: TypeAlias = Callable[[Path], Iterator[Record]]
"""The records of an archive, always in the same order."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be scored by which model, and how it is written. A process on another machine needs no more."""

    archives: tuple[Path, ...]
    output: Path
    form: Form
    explain: bool
    reader: Reader
    model: Path
    encoder: Path | None
    precision: Precision
    version: str
    part: int = PART

    def load(self, cores: int | None = None) -> IntentModel:
        """The model, on all cores or on some."""
        return load_model(self.model, self.encoder, cores=cores, precision=self.precision)

    def told(self) -> dict[str, Any]:
        """What must be the same when a job is gone on with."""
        archives = [[path.name, path.stat().st_size] for path in self.archives]
        told = {
            "archives": archives,
            "model": self.version,
            "form": self.form,
            "explain": self.explain,
            "part": self.part,
        }
        return told | {"precision": self.precision}


@dataclass(frozen=True, slots=True)
class Part:
    """Some records of one archive, read."""

    name: str
    posts: Sequence[PostRow]
    bad: Sequence[SetAside]
    skipped: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What became of records. `posts` counts those that were not judged too."""

    posts: int = 0
    leads: int = 0
    not_judged: int = 0
    skipped: int = 0
    bad: int = 0

    def __add__(self, other: Self) -> "Counts":
        return Counts(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


Engine: TypeAlias = Callable[[Job, frozenset[str]], Iterator[tuple[str, Counts]]]
"""Scores and writes every part of a job but those that are done; names each when it is written."""


def score_all(job: Job, engine: Engine, *, on_progress: Callable[[Counts], None] = lambda _: None) -> Counts:
    """Score all posts of the archives; what an earlier run has done is not done again.

    `on_progress` is called with what is done so far, first with what was done before.
    """
    with _state(job) as (file, done):
        total = sum(done.values(), Counts())
        on_progress(total)
        for name, counts in engine(job, frozenset(done)):
            total += counts
            _write_line(file, {"name": name} | asdict(counts))
            on_progress(total)
    return total


def on_this_machine(job: Job, done: frozenset[str]) -> Iterator[tuple[str, Counts]]:
    """One part after the other, on all cores."""
    model = job.load()
    for number in range(len(job.archives)):
        for part in parts(job, number, done):
            yield part.name, write_part(job, model, part)


def parts(job: Job, number: int, done: frozenset[str]) -> Iterator[Part]:
    """The parts of one archive that are not done; records of the others are passed over unread."""
    records = job.reader(job.archives[number])
    index, damage = 0, None
    while damage is None:
        taken, damage = _take(records, job.part)
        name = f"{number:05}-{index:06}"
        if name not in done and (taken or damage):
            yield _part(name, [record() for record in taken] + ([damage] if damage else []))
        if len(taken) < job.part:
            return
        index += 1


def _take(records: Iterator[Record], number: int) -> tuple[list[Record], SetAside | None]:
    """The next records, and the damage behind which nothing of the archive can be read."""
    taken: list[Record] = []
    try:
        for record in islice(records, number):
            taken.append(record)  # noqa: PERF402 - what came before damage must stay in the list
    except InvalidInput as error:
        return taken, SetAside("from here on", str(error))
    return taken, None


def _part(name: str, outcomes: Sequence[PostRow | SetAside | None]) -> Part:
    return Part(
        name,
        posts=[one for one in outcomes if isinstance(one, PostRow)],
        bad=[one for one in outcomes if isinstance(one, SetAside)],
        skipped=outcomes.count(None),
    )


def write_part(job: Job, model: IntentModel, part: Part) -> Counts:
    """Judge a part and write it: what was bad first, so that a part that is there has all that belongs to it."""
    verdicts = []
    for start in range(0, len(part.posts), _CHUNK):
        some = part.posts[start : start + _CHUNK]
        verdicts += model.predict([row.post for row in some], explain=job.explain)
    if part.bad:
        with _replacing(job.output / BAD / f"{part.name}.jsonl") as path:
            path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in part.bad), encoding="ascii")
    with _replacing(job.output / f"{part.name}.{job.form}") as path:
        write_rows(path, job.form, zip(part.posts, verdicts, strict=True), version=job.version, explain=job.explain)
    return Counts(
        posts=len(part.posts),
        leads=sum(verdict.is_lead for verdict in verdicts),
        not_judged=sum(not verdict.is_judged for verdict in verdicts),
        skipped=part.skipped,
        bad=len(part.bad),
    )


def bad_rows(output: Path) -> Iterator[tuple[str, SetAside]]:
    """What could not be read, and in which part."""
    for path in sorted((output / BAD).glob("*.jsonl")):
        yield from ((path.stem, SetAside(**json.loads(line))) for line in path.read_text(encoding="ascii").splitlines())


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A place for a new file that takes `path` at the end, and is gone if anything goes wrong before."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(exist_ok=True)
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def _state(job: Job) -> Iterator[tuple[IO[str], dict[str, Counts]]]:
    """The state file, held against every other process, and the parts that are done."""
    told = job.told()
    try:
        (job.output / BAD).mkdir(parents=True, exist_ok=True)
        file = (job.output / STATE).open("a+", encoding="ascii")
    except OSError as error:
        raise InvalidInput(f"{job.output} cannot be written: {error.strerror}.") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InvalidInput(f"Another process is scoring into {job.output}: wait for it, or end it.") from error
        file.seek(0)
        lines = list(_whole_lines(file))
        if not lines:
            _write_line(file, told)
        elif (first := lines.pop(0)) != told:
            differing = ", ".join(name for name in told if first.get(name) != told[name])
            raise InvalidInput(
                f"{job.output} holds what was scored otherwise ({differing}): choose another folder, or delete it."
            )
        yield file, {line.pop("name"): Counts(**line) for line in lines}


def _whole_lines(file: IO[str]) -> Iterator[dict[str, Any]]:
    """The lines up to one that a kill cut off, which is taken away: its part is done again."""
    whole = 0
    while (line := file.readline()).endswith("\n"):
        whole = file.tell()
        yield json.loads(line)
    file.truncate(whole)


def _write_line(file: IO[str], line: dict[str, Any]) -> None:
    file.write(json.dumps(line) + "\n")
    file.flush()
    os.fsync(file.fileno())
