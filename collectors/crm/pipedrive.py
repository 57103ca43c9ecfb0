"""Pipedrive, by its API v2 and our own HTTP client.

The clients that exist for Python 3.11 (`pipedrive-python-lib`, `api-pipedrive-python`) speak v1 alone, whose deals and
persons Pipedrive has switched off, and put the token into addresses; `pipedrive-api` needs Python 3.14. Notes have no
v2, so they are asked for at v1, in which they go on.

There are no unique fields: a record is found by search, which takes some seconds to know a new one. After a lost answer
nothing is made before the lease of a push, or its first wait, is over; both are longer.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from collectors.crm.base import Crm, There, failure, seconds
from overheard.crm.records import LOST, OPEN, WON, Person, Record, RemoteStage
from overheard.errors import CollectorError

_FIELD = "Overheard id"
_NOT_FOUND = 404
_GONE = 410


class PipedriveCrm(Crm):
    """Deals, with a person and a note."""

    def __init__(self, address: str, secrets: Mapping[str, str], timeout: float) -> None:
        super().__init__(address, secrets, timeout)
        self._client = httpx.Client(base_url=address, timeout=timeout, headers={"x-api-token": secrets["token"]})
        self._fields: dict[str, str] = {}

    def stages(self) -> Sequence[RemoteStage]:
        """The open stages of all pipelines, and the two ends, which Pipedrive keeps apart from them."""
        pipelines = {one["id"]: one["name"] for one in self._all("/api/v2/pipelines")}
        found = [
            RemoteStage(str(one["id"]), f"{pipelines.get(one['pipeline_id'], '')}: {one['name']}", OPEN)
            for one in self._all("/api/v2/stages")
            if not one.get("is_deleted")
        ]
        return [*found, RemoteStage(WON, "Won", WON), RemoteStage(LOST, "Lost", LOST)]

    def prepare(self) -> None:
        """A field of deals and one of persons for our name."""
        for kind in ("deal", "person"):
            self._field(kind, may_make=True)

    def find(self, record: Record) -> There | None:
        """By id, or by search for exactly our name."""
        deal_id = record.remote_id or self._search("deal", record.key)
        deal = self._ask("GET", f"/api/v2/deals/{deal_id}", may_miss=True) if deal_id else None
        if deal is None or deal.get("is_deleted"):
            return None
        person_id = deal.get("person_id")
        return There(str(deal["id"]), _stage(deal), None if person_id is None else str(person_id), record.note_id)

    def write(self, record: Record, there: There | None) -> There:
        """The deal, then its note."""
        contact_id = record.contact_id
        body: dict[str, Any] = {"title": record.name} | _standing(record.stage)
        if record.person is not None:
            contact_id = self._person(record.key, record.person, contact_id)
            body["person_id"] = int(contact_id)
        if there is None:
            body["custom_fields"] = {self._field("deal"): record.key}
            deal = self._ask("POST", "/api/v2/deals", json=body)
        else:
            deal = self._ask("PATCH", f"/api/v2/deals/{there.id}", json=body)
        note_id = self._note(str(deal["id"]), record) if record.text else record.note_id
        return There(str(deal["id"]), _stage(deal), contact_id, note_id)

    def take_back(self, record: Record, there: There | None) -> None:
        """The notes of ours and the person of ours."""
        if there is not None:
            for note in self._notes(there.id, record.key):
                self._ask("DELETE", f"/api/v1/notes/{note['id']}", may_miss=True)
        person_id = record.contact_id or self._search("person", record.key)
        if person_id:
            nobody = {"name": "Erased in Overheard", "emails": [], "phones": []}
            self._ask("PATCH", f"/api/v2/persons/{person_id}", json=nobody, may_miss=True)
            self._ask("DELETE", f"/api/v2/persons/{person_id}", may_miss=True)

    def delete(self, remote_id: str) -> None:
        """A test's deal."""
        self._ask("DELETE", f"/api/v2/deals/{remote_id}", may_miss=True)

    def read(self, remote_ids: Sequence[str]) -> dict[str, str]:
        """At most a hundred at once."""
        params = {"ids": ",".join(remote_ids), "limit": 100}
        return {
            str(deal["id"]): _stage(deal) for deal in self._all("/api/v2/deals", params) if not deal.get("is_deleted")
        }

    # --- what belongs to a deal ------------------------------------------------------------------------------------

    def _person(self, key: str, person: Person, person_id: str | None) -> str:
        body: dict[str, Any] = {"name": person.name}
        for name, value in (("emails", person.email), ("phones", person.phone)):
            if value:
                body[name] = [{"value": value, "primary": True}]
        person_id = person_id or self._search("person", key)
        if person_id and (kept := self._ask("PATCH", f"/api/v2/persons/{person_id}", json=body, may_miss=True)):
            return str(kept["id"])
        body["custom_fields"] = {self._field("person"): key}
        return str(self._ask("POST", "/api/v2/persons", json=body)["id"])

    def _note(self, deal_id: str, record: Record) -> str:
        # Notes are HTML. The key is in it, so that one is found whose making nobody heard of.
        body = {"content": f"{_as_html(record.text)}<br><small>{record.key}</small>"}
        ours = [record.note_id] if record.note_id else [str(one["id"]) for one in self._notes(deal_id, record.key)]
        if ours and (kept := self._ask("PUT", f"/api/v1/notes/{ours[0]}", json=body, may_miss=True)):
            return str(kept["id"])
        made = self._ask("POST", "/api/v1/notes", json=body | {"deal_id": int(deal_id)})
        return str(made["id"])

    def _notes(self, deal_id: str, key: str) -> list[dict[str, Any]]:
        found = self._ask("GET", "/api/v1/notes", params={"deal_id": deal_id, "limit": 100}) or []
        return [note for note in found if key in str(note.get("content"))]

    def _field(self, kind: str, *, may_make: bool = False) -> str:
        """The code under which our field is kept."""
        if kind not in self._fields:
            named = [one for one in self._all(f"/api/v2/{kind}Fields") if one["field_name"] == _FIELD]
            if not named and may_make:
                named = [
                    self._ask("POST", f"/api/v2/{kind}Fields", json={"field_name": _FIELD, "field_type": "varchar"})
                ]
            if not named:
                raise CollectorError(
                    f"Pipedrive has no {kind} field {_FIELD!r} (any more): give the connection its token again."
                )
            self._fields[kind] = named[0]["field_code"]
        return self._fields[kind]

    def _search(self, kind: str, key: str) -> str | None:
        params = {"term": key, "fields": "custom_fields", "exact_match": "true"}
        found = self._ask("GET", f"/api/v2/{kind}s/search", params=params)["items"]
        return str(found[0]["item"]["id"]) if found else None

    # --- asking ----------------------------------------------------------------------------------------------------

    def _all(self, path: str, params: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor: str | None = None
        while True:
            answer = self._answer("GET", path, params={**(params or {}), **({"cursor": cursor} if cursor else {})})
            found += answer.get("data") or []
            cursor = (answer.get("additional_data") or {}).get("next_cursor")
            if not cursor:
                return found

    def _ask(self, method: str, path: str, *, may_miss: bool = False, **said: Any) -> Any:  # noqa: ANN401 - JSON
        return self._answer(method, path, may_miss=may_miss, **said).get("data")

    def _answer(self, method: str, path: str, *, may_miss: bool = False, **said: Any) -> dict[str, Any]:  # noqa: ANN401
        try:
            answer = self._client.request(method, path, **said)
            body = answer.json() if answer.content else {}
        except (httpx.HTTPError, ValueError) as error:
            raise CollectorError(f"Pipedrive cannot be reached: {type(error).__name__}.") from error
        if answer.is_success:
            return dict(body)
        if may_miss and answer.status_code in (_NOT_FOUND, _GONE):
            return {}
        told = str(body.get("error") or "") if isinstance(body, dict) else ""
        wait = seconds(answer.headers.get("Retry-After") or answer.headers.get("x-ratelimit-reset"))
        raise failure("Pipedrive", answer.status_code, told, retry_after=wait)


def _stage(deal: Mapping[str, Any]) -> str:
    return str(deal["status"]) if deal["status"] in (WON, LOST) else str(deal["stage_id"])


def _standing(stage: str | None) -> dict[str, Any]:
    if stage is None:
        return {}
    return {"status": stage} if stage in (WON, LOST) else {"status": OPEN, "stage_id": int(stage)}


def _as_html(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("\n", "<br>")
