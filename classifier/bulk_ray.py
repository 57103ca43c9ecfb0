"""The same on a cluster: Ray Data reads each archive in a task of its own and spreads the parts over all cores.

The folder of the output, the archives and the model must be reachable under the same paths on every machine.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import ray
from ray.data import ActorPoolStrategy, DataContext

from classifier.bulk import Counts, Job, Part, SetAside, parts, write_part
from classifier.rows import PostRow
from classifier.text import PostText

# Smaller than most parts, so that each travels by itself and no worker waits for the second.
_BLOCK_BYTES = 2**20


def on_a_cluster(job: Job, done: frozenset[str]) -> Iterator[tuple[str, Counts]]:
    """One worker a core. `RAY_ADDRESS` names the cluster; without it one is started here for the while."""
    ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = DataContext.get_current()
    context.target_max_block_size = _BLOCK_BYTES
    context.enable_progress_bars = False
    try:
        numbers = [{"number": number} for number in range(len(job.archives))]
        found = ray.data.from_items(numbers, override_num_blocks=len(numbers))
        # Reading takes no core of its own: it would starve where the workers hold them all.
        read = found.flat_map(partial(_read, job=job, done=done), num_cpus=0)
        cores = max(1, int(ray.cluster_resources()["CPU"]))  # type: ignore[no-untyped-call] # Ray has no types there
        workers = ActorPoolStrategy(min_size=1, max_size=cores)
        for row in read.map(_Worker, fn_constructor_args=(job,), compute=workers, num_cpus=1).iter_rows():  # type: ignore[arg-type] # a class is called by each worker
            name = row.pop("name")
            yield name, Counts(**row)
    finally:
        ray.shutdown()


def _read(row: Mapping[str, int], *, job: Job, done: frozenset[str]) -> Iterator[dict[str, Any]]:
    for part in parts(job, row["number"], done):
        yield {
            "name": part.name,
            "posts": json.dumps([(one.id, one.platform, one.post.title, one.post.body) for one in part.posts]),
            "bad": json.dumps([(one.where, one.reason) for one in part.bad]),
            "skipped": part.skipped,
        }


class _Worker:
    """A core with a model of its own."""

    def __init__(self, job: Job) -> None:
        self._job, self._model = job, job.load(cores=1)

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        posts = [PostRow(key, platform, PostText(*texts)) for key, platform, *texts in json.loads(row["posts"])]
        part = Part(row["name"], posts, [SetAside(*one) for one in json.loads(row["bad"])], row["skipped"])
        return {"name": part.name} | asdict(write_part(self._job, self._model, part))
