"""The bundled sample of invented posts, which the demo shows on a machine without a network."""

import json
from pathlib import Path
from typing import Any

import pytest

from overheard.vocabulary import Platform

SAMPLE = Path(__file__).parent.parent / "cli" / "sample" / "posts.jsonl"
FIELDS = {"id", "platform", "community", "author", "title", "body", "hours_ago"}
WEEK = 7 * 24

Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]


def _text(row: Row) -> str:
    return f"{row['title']} {row['body']}"


def _shingles(row: Row) -> set[tuple[str, ...]]:
    words = _text(row).lower().split()
    return {tuple(words[start : start + 3]) for start in range(max(1, len(words) - 2))}


def test_the_sample_holds_at_least_two_hundred_posts_with_unique_ids(rows: list[Row]) -> None:
    ids = {row["id"] for row in rows}
    assert len(rows) >= 200
    assert len(ids) == len(rows)


def test_every_post_has_exactly_the_fields_that_the_demo_reads(rows: list[Row]) -> None:
    for row in rows:
        assert set(row) == FIELDS, row["id"]
        assert all(isinstance(row[name], str) for name in FIELDS - {"hours_ago"}), row["id"]
        assert all(row[name].strip() for name in ("id", "community", "author", "body")), row["id"]
        assert row["platform"] in {platform.value for platform in Platform}, row["id"]


def test_every_post_was_written_within_the_last_week(rows: list[Row]) -> None:
    assert all(isinstance(row["hours_ago"], float | int) and 0 < row["hours_ago"] <= WEEK for row in rows)
    assert min(row["hours_ago"] for row in rows) < 1


def test_the_posts_come_from_communities_on_three_platforms(rows: list[Row]) -> None:
    communities: dict[str, set[str]] = {}
    for row in rows:
        communities.setdefault(row["platform"], set()).add(row["community"])
    assert set(communities) == {Platform.REDDIT, Platform.SLACK, Platform.HACKERNEWS}
    assert len(communities[Platform.REDDIT]) >= 10
    assert len(communities[Platform.SLACK]) >= 3


def test_slack_messages_have_no_title_and_submissions_on_reddit_have_one(rows: list[Row]) -> None:
    for row in rows:
        if row["platform"] == Platform.SLACK:
            assert row["title"] == "", row["id"]
        if row["platform"] == Platform.REDDIT:
            assert row["title"], row["id"]


def test_no_two_posts_are_nearly_the_same(rows: list[Row]) -> None:
    seen = [(row["id"], _shingles(row)) for row in rows]
    alike = [
        (first, second)
        for index, (first, ours) in enumerate(seen)
        for second, theirs in seen[index + 1 :]
        if len(ours & theirs) > 0.3 * min(len(ours), len(theirs))
    ]
    assert alike == []


def test_no_post_holds_a_link_to_a_real_place(rows: list[Row]) -> None:
    for row in rows:
        text = _text(row).lower()
        assert "@" not in text, row["id"]
        assert "://" not in text.replace("https://example.", ""), row["id"]
