"""Labelled posts as a Parquet file: a row a post, its labels as a list of records."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from overheard.errors import InvalidInput
from overheard.labelling.exchange import LabelledPost
from overheard.labelling.formats import as_record, from_record

_GROUP = 2_000  # posts held in memory at once

_WORD = pa.string()
_SAID = pa.struct(
    [
        ("annotator", _WORD),
        ("is_lead", pa.bool_()),
        ("intent", _WORD),
        ("is_unsure", pa.bool_()),
        ("at", _WORD),
        ("shown_because", _WORD),
        ("is_final", pa.bool_()),
        ("propensity", pa.float64()),
        ("campaign_id", pa.int64()),
        ("model_version", _WORD),
        ("score", pa.float64()),
    ]
)
_SCHEMA = pa.schema(
    [(name, _WORD) for name in ("platform", "external_id", "community", "title", "body", "text_hash")]
    + [("labels", pa.list_(_SAID))]
)


def write(posts: Iterable[LabelledPost], path: Path) -> None:
    """The file; one that stands there is replaced when the new one is whole."""
    left = iter(posts)
    unfinished = path.with_name(f".{path.name}.part")
    with pq.ParquetWriter(unfinished, _SCHEMA) as file:
        while group := list(islice(left, _GROUP)):
            file.write_table(pa.Table.from_pylist([as_record(post) for post in group], schema=_SCHEMA))
    unfinished.replace(path)


def read(path: Path) -> Iterator[LabelledPost]:
    """Back from `write`."""
    try:
        with pq.ParquetFile(path) as file:
            for group in file.iter_batches(batch_size=_GROUP):
                yield from map(from_record, group.to_pylist())
    except (pa.ArrowException, ValidationError, OSError) as error:
        first = str(error).splitlines()[0][:200]
        raise InvalidInput(f"{path} is no Parquet file of labelled posts: {first}") from error
