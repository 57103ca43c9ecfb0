"""Labelled posts as files of labelling tools, and back: JSON Lines of our own, Argilla, Label Studio, Prodigy.

What a tool has a place for stands in its place, so that people can go on labelling there; all else travels in its
metadata. So a file that comes back unchanged holds what it held, and what was said in the tool counts before what we
wrote beside it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple

from pydantic import TypeAdapter, ValidationError

from overheard.errors import InvalidInput
from overheard.labelling.exchange import IMPORTED, LabelledPost, Said
from overheard.vocabulary import Intent

_POST = TypeAdapter(LabelledPost)
_SAID = TypeAdapter(tuple[Said, ...])
_UNSURE = "unsure"
_LEAST_DAY = datetime(1970, 1, 1, tzinfo=UTC)


class LabelFormat(StrEnum):
    """A text format of labelled posts."""

    JSONL = "jsonl"
    ARGILLA = "argilla"
    LABEL_STUDIO = "label-studio"
    PRODIGY = "prodigy"


class Told(NamedTuple):
    """What stands in a tool's own place for labels."""

    annotator: str
    intent: Intent
    is_unsure: bool
    at: datetime | None


def encode(posts: Iterable[LabelledPost], form: LabelFormat) -> Iterator[str]:
    """The file, piece by piece."""
    if form is LabelFormat.LABEL_STUDIO:
        yield "["
        for number, post in enumerate(posts):
            yield (",\n" if number else "\n") + _dump(_to_label_studio(post))
        yield "\n]\n"
        return
    records = _TO[form]
    for post in posts:
        for record in records(post):
            yield _dump(record) + "\n"


def decode(pieces: Iterable[str], form: LabelFormat, *, now: datetime) -> Iterator[LabelledPost]:
    """Back from lines or other pieces of a file. `now`: when labels were made of which the tool does not say it."""
    try:
        if form is LabelFormat.LABEL_STUDIO:
            yield from (_from_label_studio(record, now) for record in json.loads("".join(pieces)))
            return
        records = (json.loads(line) for line in "".join(pieces).split("\n") if line.strip())
        if form is LabelFormat.PRODIGY:
            for _, lines in groupby(records, key=lambda record: record["meta"]["post"]):
                yield _from_prodigy(list(lines), now)
            return
        read = _from_argilla if form is LabelFormat.ARGILLA else _from_own
        yield from (read(record, now) for record in records)
    except (ValidationError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(
            f"This is no {form} file of labelled posts as `overheard labels export` writes it: {_told(error)}"
        ) from error


def _told(error: Exception) -> str:
    return "; ".join(str(error).splitlines()[:3])[:300]


def _dump(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


# --- our own -------------------------------------------------------------------------------------------------------


def as_record(post: LabelledPost) -> dict[str, Any]:
    """A post in plain values."""
    return _POST.dump_python(post, mode="json")  # type: ignore[no-any-return]


def from_record(record: object) -> LabelledPost:
    """Back from `as_record`."""
    return _POST.validate_python(record)


def _to_own(post: LabelledPost) -> Iterator[dict[str, Any]]:
    yield as_record(post)


def _from_own(record: Any, _now: datetime) -> LabelledPost:  # noqa: ANN401 - whatever stands in a file
    return from_record(record)


# --- what the tools share ------------------------------------------------------------------------------------------


def _about(post: LabelledPost) -> dict[str, str]:
    whole = asdict(replace(post, labels=()))
    return {name: str(value) for name, value in whole.items() if name not in {"labels", "title", "body"}}


def _kept(labels: Iterable[Said]) -> list[dict[str, Any]]:
    return _SAID.dump_python(tuple(labels), mode="json")  # type: ignore[no-any-return]


def _post(about: Mapping[str, Any], texts: Mapping[str, Any], labels: tuple[Said, ...]) -> LabelledPost:
    names = ("platform", "external_id", "community", "text_hash")
    return from_record(
        {name: about[name] for name in names} | {name: texts[name] for name in ("title", "body")} | {"labels": labels}
    )


def _brought_together(told: list[Told], kept: object, now: datetime) -> tuple[Said, ...]:
    """What the tool says, with what we had written beside it where it says the same."""
    labels = []
    for said in _SAID.validate_python(kept or ()):
        if said.intent is None:
            labels.append(said)
            continue
        same = next((t for t in told if t[:3] == (said.annotator, said.intent, said.is_unsure)), None)
        if same:
            told.remove(same)
            labels.append(said)
    for annotator, intent, is_unsure, at in told:
        labels.append(Said(annotator, intent.is_lead, intent, is_unsure, at or now, IMPORTED))
    return tuple(labels)


def _time(word: object) -> datetime | None:
    if isinstance(word, int | float):
        return datetime.fromtimestamp(word, UTC)
    if not isinstance(word, str):
        return None
    at = datetime.fromisoformat(word)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# --- Argilla: records of `Record.to_dict`, with questions `intent` and `unsure` ---------------------------------------


def _to_argilla(post: LabelledPost) -> Iterator[dict[str, Any]]:
    said = [one for one in post.labels if one.intent is not None]
    answers = {
        "intent": [{"value": one.intent, "user_id": one.annotator, "status": "submitted"} for one in said],
        _UNSURE: [
            {"value": _UNSURE if one.is_unsure else "sure", "user_id": one.annotator, "status": "submitted"}
            for one in said
        ],
    }
    yield {
        "id": f"{post.platform} {post.external_id}",
        "fields": {"title": post.title, "body": post.body},
        "metadata": {**_about(post), "labels": _dump({"labels": _kept(post.labels)})},
        "suggestions": {},
        "responses": answers,
    }


def _from_argilla(record: Any, now: datetime) -> LabelledPost:  # noqa: ANN401 - whatever stands in a file
    responses = record.get("responses") or {}
    doubts = [(one["user_id"], one["value"] == _UNSURE) for one in responses.get(_UNSURE, [])]
    told = []
    for place, one in enumerate(responses.get("intent", [])):
        if one.get("status", "submitted") == "submitted":
            user = str(one["user_id"])
            unsure = place < len(doubts) and doubts[place] == (one["user_id"], True)
            told.append(Told(user, Intent(one["value"]), unsure, None))
    kept = json.loads(record["metadata"].get("labels") or "{}").get("labels")
    return _post(record["metadata"], record["fields"], _brought_together(told, kept, now))


# --- Label Studio: tasks with annotations, choices named `intent` and `unsure` ----------------------------------------


def _to_label_studio(post: LabelledPost) -> dict[str, Any]:
    return {
        "data": {**_about(post), "title": post.title, "body": post.body},
        "meta": {"labels": _kept(post.labels)},
        "annotations": [_annotation(one) for one in post.labels if one.intent is not None],
    }


def _annotation(said: Said) -> dict[str, Any]:
    choices = {"intent": said.intent} | ({_UNSURE: _UNSURE} if said.is_unsure else {})
    result = [
        {"from_name": name, "to_name": "body", "type": "choices", "value": {"choices": [value]}}
        for name, value in choices.items()
    ]
    return {"completed_by": {"email": said.annotator}, "created_at": said.at.isoformat(), "result": result}


def _from_label_studio(record: Any, now: datetime) -> LabelledPost:  # noqa: ANN401 - whatever stands in a file
    told = []
    for one in record.get("annotations", []):
        if one.get("was_cancelled"):
            continue
        by = one.get("completed_by")
        annotator = by.get("email") or by.get("id") if isinstance(by, dict) else by
        choices = {part["from_name"]: part["value"]["choices"] for part in one["result"] if part["type"] == "choices"}
        if choices.get("intent"):
            intent = Intent(choices["intent"][0])
            told.append(Told(str(annotator), intent, bool(choices.get(_UNSURE)), _time(one.get("created_at"))))
    kept = (record.get("meta") or {}).get("labels")
    return _post(record["data"], record["data"], _brought_together(told, kept, now))


# --- Prodigy: a task a label, as its `choice` interface keeps them ----------------------------------------------------


def _to_prodigy(post: LabelledPost) -> Iterator[dict[str, Any]]:
    task = {
        "text": f"{post.title}\n\n{post.body}".strip(),
        "title": post.title,
        "body": post.body,
        "options": [{"id": one.value, "text": one.value} for one in Intent] + [{"id": _UNSURE, "text": _UNSURE}],
        "meta": {**_about(post), "post": f"{post.platform} {post.external_id} {post.text_hash}"},
    }
    if not post.labels:
        yield task
    for said in post.labels:
        chosen = [*([said.intent] if said.intent else []), *([_UNSURE] if said.is_unsure else [])]
        yield {
            **task,
            "accept": chosen,
            "answer": "accept" if said.intent else "ignore",
            "_annotator_id": said.annotator,
            "_timestamp": int((said.at - _LEAST_DAY).total_seconds()),
            "meta": {**task["meta"], "labels": _kept([said])},  # type: ignore[dict-item]
        }


def _from_prodigy(records: list[Any], now: datetime) -> LabelledPost:
    labels: list[Said] = []
    for record in records:
        told = []
        chosen = record.get("accept") or []
        intent = next((Intent(word) for word in chosen if word != _UNSURE), None)
        if record.get("answer") == "accept" and intent:
            annotator = str(record.get("_annotator_id") or record.get("_session_id") or "prodigy")
            told.append(Told(annotator, intent, _UNSURE in chosen, _time(record.get("_timestamp"))))
        labels += _brought_together(told, record["meta"].get("labels"), now)
    return _post(records[0]["meta"], records[0], tuple(labels))


_TO: Mapping[LabelFormat, Callable[[LabelledPost], Iterator[dict[str, Any]]]] = {
    LabelFormat.JSONL: _to_own,
    LabelFormat.ARGILLA: _to_argilla,
    LabelFormat.PRODIGY: _to_prodigy,
}
