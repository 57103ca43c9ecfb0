"""What the heads see of a text, kept in files, so that light retraining reads no post twice.

A vector is kept by what read it (encoder, changed layers, which layers are looked at, precision) and by the text's
hash. The table says which post it was read for: with the post goes the row, and with the row the file.
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from classifier.adapters import ADAPTERS_FILE, read_adapters
from classifier.backlog import text_hashes_now
from classifier.encoder_files import Vectors
from classifier.head import encoder_of, read_scheme
from classifier.model import depth_of
from classifier.runtime import Runtime, has_bfloat16
from classifier.text import PostText
from overheard.db import Sessions, upsert
from overheard.errors import ModelError
from overheard.modelling.files import vector_file, write_whole
from overheard.models import CachedVector
from overheard.settings import Settings

BATCH = 128
"""Texts read between two commits."""

Encode = Callable[[Sequence[str]], Vectors]


class Text(Protocol):
    """A post's text, as `overheard.labelling.examples.Example` has it."""

    @property
    def post_id(self) -> int: ...
    @property
    def text_hash(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def body(self) -> str: ...


def reader_of(folder: Path, settings: Settings) -> str:
    """The name of what reads texts for the model in a folder: models with equal names see equal vectors."""
    scheme, precision = read_scheme(folder), settings.precision
    if precision == "native":
        precision = "bf16" if has_bfloat16() else "f32"
    told = hashlib.sha256(f"{scheme.encoder} {scheme.layers} {precision} ".encode())
    adapters = folder / ADAPTERS_FILE
    told.update(adapters.read_bytes() if adapters.exists() else b"")
    return told.hexdigest()[:16]


def make_encode(folder: Path, settings: Settings) -> Encode:
    """Reads texts as the model in a folder does."""
    adapters, layers = read_adapters(folder), read_scheme(folder).layers
    runtime = Runtime(
        encoder_of(folder, settings.encoder_path),
        depth=depth_of(folder, adapters),
        adapters=adapters,
        layers=layers,
        precision=settings.precision,
    )
    return lambda texts: runtime.encode_layers(texts, layers).reshape(len(texts), -1)


class VectorCache:
    """The vectors of one reader."""

    def __init__(self, settings: Settings, reader: str) -> None:
        self._settings, self._reader = settings, reader

    def missing(self, texts: Iterable[Text]) -> list[Text]:
        """Those that have not been read, each hash once."""
        by_hash = {text.text_hash: text for text in texts}
        return [text for text in by_hash.values() if not self._file(text.text_hash).exists()]

    def fill(
        self,
        sessions: Sessions,
        texts: Iterable[Text],
        load: Callable[[], Encode],
        *,
        on_progress: Callable[[int], None] = lambda _: None,
    ) -> int:
        """Read what is missing; how many. `load` is called only if anything is. Killed and run again, it goes on."""
        missing = self.missing(texts)
        if not missing:
            return 0
        encode = load()
        for start in range(0, len(missing), BATCH):
            some = missing[start : start + BATCH]
            vectors = encode([PostText.of(text.title, text.body).whole for text in some])
            self._keep(sessions, some, vectors)
            on_progress(len(some))
        return len(missing)

    def read(self, text_hashes: Sequence[str]) -> Vectors:
        """Their vectors, in order."""
        try:
            rows = [np.load(self._file(text_hash), allow_pickle=False) for text_hash in text_hashes]
        except (OSError, ValueError) as error:
            raise ModelError(
                f"A cached vector cannot be read: {error}. Delete {self._folder} and try again."
            ) from error
        return np.array(rows, dtype=np.float32)

    def _keep(self, sessions: Sessions, texts: Sequence[Text], vectors: Vectors) -> None:
        """The row is committed before the file is written: whatever happens, no file is without its row."""
        rows = [{"reader": self._reader, "text_hash": text.text_hash, "post_id": text.post_id} for text in texts]
        post_ids = [text.post_id for text in texts]
        with sessions.begin() as session:
            there = text_hashes_now(session, post_ids)
            rows = [row for row in rows if row["post_id"] in there]
            if rows:
                kept = upsert(session, CachedVector)
                session.execute(
                    kept.on_conflict_do_update(
                        index_elements=["reader", "text_hash"], set_={"post_id": kept.excluded.post_id}
                    ),
                    rows,
                )
        with sessions.begin() as session:  # an erasure waits until this is done, or this sees that the post is gone
            current = text_hashes_now(session, post_ids)
            for text, vector in zip(texts, vectors, strict=True):
                if current.get(text.post_id) == text.text_hash:
                    content = io.BytesIO()
                    np.save(content, vector.astype("<f2"), allow_pickle=False)
                    write_whole(self._file(text.text_hash), content.getvalue())

    @property
    def _folder(self) -> Path:
        return self._file("any").parent

    def _file(self, text_hash: str) -> Path:
        return vector_file(self._settings, self._reader, text_hash)
