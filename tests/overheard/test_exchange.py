"""Labels leave and come in, in every format, and nothing is lost or let out that must not be."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput
from overheard.labelling import parquet
from overheard.labelling.editor import LabelQueue, say
from overheard.labelling.exchange import LabelledPost, Said, TakenIn, labelled_posts, take_in
from overheard.labelling.formats import LabelFormat, decode, encode
from overheard.leads import funnel
from overheard.listening.erasure import erase
from overheard.models import IntentLabel, Post
from overheard.vocabulary import Intent, Platform
from tests.conftest import NOW
from tests.factories import Cast, make_lead, new_post, store, watch_source

_SHARE = st.none() | st.floats(0, 1)
_TIMES = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@st.composite
def _saids(draw: st.DrawFn) -> Said:
    intent = draw(st.none() | st.sampled_from(Intent))
    return Said(
        annotator=draw(st.text(min_size=1)),
        is_lead=intent.is_lead if intent else draw(st.booleans()),
        intent=intent,
        is_unsure=draw(st.booleans()),
        at=draw(_TIMES),
        shown_because=draw(st.text()),
        is_final=draw(st.booleans()),
        propensity=draw(_SHARE),
        campaign_id=draw(st.none() | st.integers(1, 2**31)),
        model_version=draw(st.none() | st.text()),
        score=draw(_SHARE),
    )


_POSTS = st.lists(
    st.builds(
        LabelledPost,
        platform=st.sampled_from(Platform),
        external_id=st.text(min_size=1),
        community=st.text(),
        title=st.text(),
        body=st.text(),
        text_hash=st.text(),
        labels=st.lists(_saids(), max_size=4).map(tuple),
    ),
    max_size=4,
    unique_by=lambda post: (post.platform, post.external_id, post.text_hash),
)


@settings(max_examples=25)
@given(posts=_POSTS)
@pytest.mark.parametrize("form", LabelFormat)
def test_a_file_of_any_format_holds_everything(form: LabelFormat, posts: list[LabelledPost]) -> None:
    text = "".join(encode(posts, form))
    assert list(decode([text], form, now=NOW)) == posts
    assert list(decode(text.splitlines(keepends=True), form, now=NOW)) == posts


@settings(max_examples=25)
@given(posts=_POSTS)
def test_a_parquet_file_holds_everything(tmp_path_factory: pytest.TempPathFactory, posts: list[LabelledPost]) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.parquet"
    parquet.write(posts, path)
    assert list(parquet.read(path)) == posts


@pytest.mark.parametrize("form", LabelFormat)
def test_what_is_no_such_file_is_refused_with_a_reason(form: LabelFormat, tmp_path: Path) -> None:
    for wrong in ('{"labels": 3}', "[1, 2]", "{", '[{"data": {}}]', '{"meta": null}'):
        with pytest.raises(InvalidInput, match=f"no {form} file"):
            list(decode([wrong], form, now=NOW))
    bad = tmp_path / "bad.parquet"
    bad.write_text("no parquet")
    with pytest.raises(InvalidInput, match="no Parquet file"):
        list(parquet.read(bad))


def test_what_was_labelled_in_a_tool_comes_in_under_the_name_it_has_there() -> None:
    post = LabelledPost(Platform.REDDIT, "t3_1", "r/bakers", "Which CRM?", "", "abc")
    [task] = json.loads("".join(encode([post], LabelFormat.LABEL_STUDIO)))
    choice: dict[str, Any] = {"from_name": "intent", "type": "choices", "value": {"choices": ["recommendation"]}}
    made = {"completed_by": {"email": "ann@else.example"}, "created_at": "2026-11-01T10:00:00Z", "result": [choice]}
    task["annotations"] = [made]
    [back] = decode([json.dumps([task])], LabelFormat.LABEL_STUDIO, now=NOW)
    at = datetime(2026, 11, 1, 10, tzinfo=UTC)
    said = Said("ann@else.example", True, Intent.RECOMMENDATION, False, at, "imported")
    assert back.labels == (said,)
    task_line = json.loads("".join(encode([post], LabelFormat.PRODIGY)))
    task_line |= {
        "accept": ["pain", "unsure"],
        "answer": "accept",
        "_annotator_id": "desk-bo",
        "_timestamp": 1_790_000_000,
    }
    task_line |= {"_session_id": "desk-bo", "_view_id": "choice", "_input_hash": 12, "_task_hash": -7}
    [back] = decode([json.dumps(task_line)], LabelFormat.PRODIGY, now=NOW)
    assert [(one.annotator, one.intent, one.is_unsure) for one in back.labels] == [("desk-bo", Intent.PAIN, True)]


_OURS = (
    Said("sam@example.org", True, Intent.PAIN, True, NOW, "random", campaign_id=1, score=0.7),
    Said("sue@example.org", False, Intent.ADVICE, False, NOW, "random"),
    Said("sam@example.org", True, None, False, NOW, "top", propensity=0.1),
)
_POST = LabelledPost(Platform.REDDIT, "t3_1", "r/bakers", "Which till?", "We look for one.", "abc", _OURS)


def test_argilla_gives_back_what_we_wrote_and_what_its_users_answered() -> None:
    """In the shape that argilla 2.8.0 reads by `Dataset.records.from_json` and writes by `to_json`."""
    [record] = json.loads("".join(encode([_POST], LabelFormat.ARGILLA)))
    assert record["suggestions"]["intent"]["value"] == "pain"
    assert record["responses"] == {}, "its server refuses answers of people that it does not know"
    ann, bo = "5f9f9ba2-3a70-44c2-9e0c-b3c4f4f4ef0e", "b1c6cf76-4a2f-4c2a-8f2e-fb5bd8d5a1f0"
    written = record | {
        "responses": {  # no status, and nothing where a question was left open
            "intent": [{"value": "alternative", "user_id": ann}, {"value": "support", "user_id": bo}],
            "unsure": [{"value": "unsure", "user_id": bo}],
        },
        "vectors": {},
        "status": "completed",
        "_server_id": "0e6b4de9-8a2f-4b7e-9d8c-1f1d1c1b1a19",
    }
    [back] = decode([json.dumps([written])], LabelFormat.ARGILLA, now=NOW)
    assert back.labels[:3] == _OURS
    assert [(one.annotator, one.intent, one.is_unsure) for one in back.labels[3:]] == [
        (ann, Intent.ALTERNATIVE, False),
        (bo, Intent.SUPPORT, True),
    ]


def test_label_studio_gives_back_what_we_wrote_under_our_names_and_what_was_changed_under_its_own() -> None:
    """In the shape in which Label Studio 1.23.2 takes tasks, and exports them as JSON."""
    [task] = json.loads("".join(encode([_POST], LabelFormat.LABEL_STUDIO)))
    assert not any("completed_by" in one for one in task["annotations"]), "it refuses who is no member there"
    exported = [
        {  # what named nobody is said to be by whoever brought it in, at the time when they did
            "id": 70 + number,
            "completed_by": 1,
            "result": [part | {"id": "Fx3s9q", "origin": "manual"} for part in one["result"]],
            "was_cancelled": False,
            "ground_truth": one["ground_truth"],
            "created_at": "2026-12-01T10:00:00Z",
            "updated_at": "2026-12-01T10:00:00Z",
            "import_id": one["id"],
        }
        for number, one in enumerate(task["annotations"])
    ]
    whole = task | {"id": 5, "annotations": exported, "predictions": [], "project": 1, "inner_id": 1}
    [back] = decode([json.dumps([whole])], LabelFormat.LABEL_STUDIO, now=NOW)
    assert back == _POST
    exported[1]["result"][0]["value"] = {"choices": ["pain"]}
    exported[1] |= {"completed_by": {"id": 2, "email": "bo@else.example"}, "updated_at": "2026-12-02T10:00:00Z"}
    exported.append(exported[0] | {"id": 90, "completed_by": 3, "import_id": None})
    [back] = decode([json.dumps([whole])], LabelFormat.LABEL_STUDIO, now=NOW)
    assert back.labels[:2] == (_OURS[0], _OURS[2])
    changed, new = back.labels[2:]
    assert (changed.annotator, changed.intent, changed.at.day) == ("bo@else.example", Intent.PAIN, 2)
    assert (new.annotator, new.intent, new.is_unsure) == ("3", Intent.PAIN, True)


def test_prodigy_shows_nobody_what_others_said() -> None:
    tasks = [json.loads(line) for line in encode([_POST], LabelFormat.PRODIGY)]
    assert not any("meta" in task for task in tasks), "Prodigy shows what stands there beside the text"
    assert [task["accept"] for task in tasks] == [["pain", "unsure"], ["advice"], []], (
        "one label a task, and no other's"
    )
    # For a second word, as docs/labels.md has it: without these two nothing is pre-selected, and it comes in.
    blind = {name: part for name, part in tasks[1].items() if name not in ("accept", "answer")}
    second = blind | {
        "accept": ["support"],
        "answer": "accept",
        "_annotator_id": "desk-bo",
        "_timestamp": 1_790_000_000,
    }
    [back] = decode([json.dumps(blind), "\n", json.dumps(second)], LabelFormat.PRODIGY, now=NOW)
    assert [(one.annotator, one.intent) for one in back.labels] == [("desk-bo", Intent.SUPPORT)]


def test_labels_leave_and_come_back_to_where_they_were(session: Session, cast: Cast) -> None:
    lead = make_lead(session, now=NOW)
    post = session.get_one(Post, lead.top_post_id)
    funnel.promote(session, lead.id, actor=cast.sam, now=NOW)
    said = say(
        session, post.id, Intent.PAIN, is_unsure=True, queue=LabelQueue.RANDOM, actor=cast.eli, now=NOW + timedelta(1)
    )
    left = list(labelled_posts(session))
    [told] = left
    assert [(one.annotator, one.intent, one.is_lead) for one in told.labels] == [
        ("sam@example.org", None, True),
        ("eli@example.org", Intent.PAIN, True),
    ]
    assert take_in(session, left) == TakenIn(known=1, without_intent=1)
    session.delete(said)
    session.flush()
    assert take_in(session, left) == TakenIn(new=1, without_intent=1)
    assert list(labelled_posts(session)) == left
    assert session.query(IntentLabel).one().actor_id == cast.eli.id
    elsewhere = Said("ann@else.example", False, Intent.ADVICE, False, NOW, "imported")
    foreign = LabelledPost(**{name: getattr(told, name) for name in told.__slots__} | {"labels": (elsewhere,)})
    assert take_in(session, [foreign]).new == 1
    assert next(labelled_posts(session)).labels[0] == elsewhere
    post.text_hash = "edited"
    session.flush()
    assert take_in(session, [foreign]) == TakenIn(of_another_text=1)
    assert list(labelled_posts(session)) == []


def test_nothing_leaves_that_may_not_be_trained_with_or_was_erased(session: Session, cast: Cast) -> None:
    watch_source(session, now=NOW, mode="mastodon", platform=Platform.MASTODON, community="#bread")
    forbidden = new_post(platform=Platform.MASTODON, community="#bread", body="canary one")
    posts = store(session, new_post(body="canary two"), new_post(body="canary three"), forbidden, now=NOW)
    for post in posts:
        say(session, post.id, Intent.PAIN, is_unsure=False, queue=LabelQueue.RANDOM, actor=cast.sam, now=NOW)
    before = list(labelled_posts(session))
    erase(session, {(posts[0].platform, posts[0].external_id): "deleted there"}, now=NOW)
    text = "".join(encode(labelled_posts(session), LabelFormat.JSONL))
    assert "canary three" in text
    assert "canary one" not in text
    assert "canary two" not in text
    assert take_in(session, before) == TakenIn(known=1, of_no_post=1)
