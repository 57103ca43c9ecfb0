import json
from pathlib import Path

import zstandard

from classifier.bench import read_sample


def test_the_posts_that_speed_is_measured_on_are_the_same_each_time_packed_or_not(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({"id": n, "title": f"Post {n}"}) for n in range(50))
    plain, packed = tmp_path / "posts.jsonl", tmp_path / "posts.jsonl.zst"
    plain.write_text(f"{lines}\nnot a post\n")
    packed.write_bytes(zstandard.ZstdCompressor().compress(plain.read_bytes()))
    some = read_sample(plain, 20)
    assert len(set(some)) == 20
    assert some == read_sample(packed, 20)
    assert len(read_sample(plain, 1000)) == 50
