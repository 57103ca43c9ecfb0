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
_OURS = "overheard"
"""Where a task of Prodigy keeps what is ours. What stands under `meta` is shown to who labels."""
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
    if as_task := _AS_TASK.get(form):
        yield "["
        for number, post in enumerate(posts):
            yield (",\n" if number else "\n") + _dump(as_task(post))
        yield "\n]\n"
        return
    for post in posts:
        for record in _to_prodigy(post) if form is LabelFormat.PRODIGY else (as_record(post),):
            yield _dump(record) + "\n"


def decode(pieces: Iterable[str], form: LabelFormat, *, now: datetime) -> Iterator[LabelledPost]:
    """Back from lines or other pieces of a file. `now`: when labels were made of which the tool does not say it."""
    try:
        if form in _AS_TASK:
            read = _from_argilla if form is LabelFormat.ARGILLA else _from_label_studio
            yield from (read(record, now) for record in json.loads("".join(pieces)))
            return
        records = (json.loads(line) for line in "".join(pieces).split("\n") if line.strip())
        if form is LabelFormat.PRODIGY:
            for _, lines in groupby(records, key=lambda record: record[_OURS]["post"]):
                yield _from_prodigy(list(lines), now)
            return
        yield from map(from_record, records)
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
    return (*labels, *(_imported(one, now) for one in told))


def _imported(told: Told, now: datetime) -> Said:
    return Said(told.annotator, told.intent.is_lead, told.intent, told.is_unsure, told.at or now, IMPORTED)


def _time(word: object) -> datetime | None:
    if isinstance(word, int | float):
        return datetime.fromtimestamp(word, UTC)
    if not isinstance(word, str):
        return None
    at = datetime.fromisoformat(word)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


# --- Argilla: a list of `Record.to_dict`, with questions `intent` and `unsure` ----------------------------------------
#
# It takes answers of its own users alone, named by their number there. So what was said here goes as a suggestion, and
# all of it in the metadata; what comes back as an answer is new.


def _to_argilla(post: LabelledPost) -> dict[str, Any]:
    said = [one for one in post.labels if one.intent is not None]
    newest = max(said, key=lambda one: (one.is_final, one.at), default=None)
    words = {} if newest is None else {"intent": newest.intent, _UNSURE: _UNSURE if newest.is_unsure else "sure"}
    return {
        "id": f"{post.platform} {post.external_id}",
        "fields": {"title": post.title, "body": post.body},
        "metadata": {**_about(post), "labels": _dump({"labels": _kept(post.labels)})},
        "suggestions": {question: {"value": word, "agent": "overheard"} for question, word in words.items()},
        "responses": {},
    }


def _from_argilla(record: Any, now: datetime) -> LabelledPost:  # noqa: ANN401 - whatever stands in a file
    responses = record.get("responses") or {}
    unsure = {one["user_id"] for one in responses.get(_UNSURE, []) if one["value"] == _UNSURE}
    told = tuple(
        _imported(Told(str(one["user_id"]), Intent(one["value"]), one["user_id"] in unsure, None), now)
        for one in responses.get("intent", [])
        if one.get("status", "submitted") == "submitted"
    )
    kept = _SAID.validate_python(json.loads(record["metadata"].get("labels") or "{}").get("labels", ()))
    return _post(record["metadata"], record["fields"], kept + told)


# --- Label Studio: tasks with annotations, choices named `intent` and `unsure` ----------------------------------------
#
# It refuses annotations of people who are no members there, and gives those that name nobody to whoever imports them.
# So ours name nobody, and are known again by their number, which it hands back as `import_id`.


def _to_label_studio(post: LabelledPost) -> dict[str, Any]:
    return {
        "data": {**_about(post), "title": post.title, "body": post.body},
        "meta": {"labels": _kept(post.labels)},
        "annotations": [
            {"id": number, "ground_truth": one.is_final, "result": _result(one)}
            for number, one in enumerate(post.labels, start=1)
            if one.intent is not None
        ],
    }


def _result(said: Said) -> list[dict[str, Any]]:
    choices = {"intent": said.intent} | ({_UNSURE: _UNSURE} if said.is_unsure else {})
    return [
        {"from_name": name, "to_name": "body", "type": "choices", "value": {"choices": [value]}}
        for name, value in choices.items()
    ]


def _from_label_studio(record: Any, now: datetime) -> LabelledPost:  # noqa: ANN401 - whatever stands in a file
    kept: tuple[Said, ...] = _SAID.validate_python((record.get("meta") or {}).get("labels") or ())
    unchanged, told = set[int](), []
    for one in record.get("annotations", []):
        choices = {part["from_name"]: part["value"]["choices"] for part in one["result"] if part["type"] == "choices"}
        if one.get("was_cancelled") or not choices.get("intent"):
            continue
        intent, is_unsure = Intent(choices["intent"][0]), bool(choices.get(_UNSURE))
        by = one.get("completed_by")
        number = one.get("import_id") if by is not None else one.get("id")
        if number and 0 < number <= len(kept) and _says(kept[number - 1]) == (intent, is_unsure):
            unchanged.add(number)
            continue
        annotator = by.get("email") or by.get("id") if isinstance(by, dict) else by
        at = _time(one.get("updated_at") or one.get("created_at"))
        told.append(_imported(Told(str(annotator), intent, is_unsure, at), now))
    ours = (one for number, one in enumerate(kept, start=1) if one.intent is None or number in unchanged)
    return _post(record["data"], record["data"], (*ours, *told))


def _says(said: Said) -> tuple[Intent | None, bool]:
    return said.intent, said.is_unsure


# --- Prodigy: a task a label, as its `choice` interface keeps them ----------------------------------------------------


def _to_prodigy(post: LabelledPost) -> Iterator[dict[str, Any]]:
    task = {
        "text": f"{post.title}\n\n{post.body}".strip(),
        "title": post.title,
        "body": post.body,
        "options": [{"id": one.value, "text": one.value} for one in Intent] + [{"id": _UNSURE, "text": _UNSURE}],
        _OURS: {**_about(post), "post": f"{post.platform} {post.external_id} {post.text_hash}"},
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
            _OURS: {**task[_OURS], "labels": _kept([said])},  # type: ignore[dict-item]
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
        labels += _brought_together(told, record[_OURS].get("labels"), now)
    return _post(records[0][_OURS], records[0], tuple(labels))


_AS_TASK: Mapping[LabelFormat, Callable[[LabelledPost], dict[str, Any]]] = {
    LabelFormat.ARGILLA: _to_argilla,
    LabelFormat.LABEL_STUDIO: _to_label_studio,
}
"""Those that are one list, with an entry a post."""
