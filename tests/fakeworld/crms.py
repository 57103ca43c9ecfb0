"""HubSpot, Salesforce and Pipedrive on the loopback interface: one store of records, spoken to in three wires."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

TOKEN = "token-of-ours"
Reply = tuple[int, Any]
Said = dict[str, Any]

OPEN_STAGES = {"1": "New", "2": "Talking"}
"""Salesforce knows them by their names, the others by their numbers."""


@dataclass
class CrmWorld:
    """What stands in a CRM, whichever it is."""

    deals: dict[str, Said] = field(default_factory=dict)
    people: dict[str, Said] = field(default_factory=dict)
    notes: dict[str, Said] = field(default_factory=dict)
    fields: dict[str, set[str]] = field(default_factory=lambda: {"deal": set(), "person": set()})
    requests: list[tuple[str, str]] = field(default_factory=list)
    writes: int = 0
    faults: list[tuple[str, int | None]] = field(default_factory=list)
    """`(part of the path, status)`: what the next such request is answered with; None: it is done, and nobody hears."""
    arrived: threading.Event = field(default_factory=threading.Event)
    """Somebody has asked for something."""
    is_awake: threading.Event = field(default_factory=threading.Event)
    """Cleared, it answers nobody until it is set."""
    retry_after: str = "70"
    address: str = ""
    token: str = TOKEN
    lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = 100

    def make(self, kept: dict[str, Said], **said: str) -> Said:
        """A new row, with a number of its own."""
        self._number += 1
        row = {"id": str(self._number), **said}
        kept[row["id"]] = row
        return row


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, world: CrmWorld) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.world = world


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        world = cast("_Server", self.server).world
        size = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(size).decode()
        at = urlsplit(self.path)
        world.arrived.set()
        assert world.is_awake.wait(30)
        with world.lock:
            world.requests.append((self.command, at.path))
            fault = next((one for one in world.faults if one[0] in f"{self.command} {at.path}"), None)
            if fault is not None:
                world.faults.remove(fault)
            if fault is None or fault[1] is None:
                status, said = self._spoken(world, at.path, parse_qs(at.query), raw)
                world.writes += self.command != "GET" and "search" not in at.path and "read" not in at.path
            else:
                status, said = fault[1], {"message": "Not now.", "error": "Not now."}
        if fault is not None and fault[1] is None:
            self.close_connection = True  # nobody hears of it
            return
        body = b"" if said is None else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if status == 429:
            self.send_header("Retry-After", world.retry_after)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - as the base class names them

    def _spoken(self, world: CrmWorld, path: str, query: dict[str, list[str]], raw: str) -> Reply:
        if path.startswith("/services/"):
            return salesforce(world, self.command, path, query, raw, self.headers.get("Authorization", ""))
        body = json.loads(raw) if raw else {}
        if path.startswith("/api/"):
            if self.headers.get("x-api-token") != world.token:
                return 401, {"success": False, "error": "unauthorized access"}
            return pipedrive(world, self.command, path, query, body)
        if self.headers.get("Authorization") != f"Bearer {world.token}":
            return 401, {"status": "error", "message": "Authentication credentials not found."}
        return hubspot(world, self.command, path, query, body)

    def log_message(self, *_words: object) -> None:
        """Say nothing."""


# --- HubSpot -------------------------------------------------------------------------------------------------------


def hubspot(  # noqa: PLR0911 - one for each thing that is asked
    world: CrmWorld, method: str, path: str, query: dict[str, list[str]], body: Said
) -> Reply:
    if path == "/crm/v3/pipelines/deals":
        stages = [("1", "New", "false", "0.2"), ("2", "Talking", "false", "0.5"), ("won", "Won", "true", "1.0"),
                  ("lost", "Lost", "true", "0.0")]  # fmt: skip
        told = [
            {"id": id_, "label": label, "displayOrder": order, "metadata": {"isClosed": closed, "probability": odds},
             "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "archived": False}
            for order, (id_, label, closed, odds) in enumerate(stages)
        ]  # fmt: skip
        pipeline = {"id": "default", "label": "Sales", "displayOrder": 0, "stages": told, "archived": False,
                    "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z"}  # fmt: skip
        return 200, {"results": [pipeline]}
    if found := re.fullmatch(r"/crm/v3/properties/(deals|contacts)(?:/(\w+))?", path):
        return _hubspot_field(world, method, {"deals": "deal", "contacts": "person"}[found[1]], body)
    if path.startswith("/crm/v4/objects/deals/"):
        parts = path.split("/")
        world.deals[parts[5]]["person"] = parts[-1]
        return 200, {"status": "COMPLETE", "results": [], "startedAt": "2026-01-01T00:00:00Z",
                     "completedAt": "2026-01-01T00:00:00Z"}  # fmt: skip
    found = re.fullmatch(r"/crm/v3/objects/(deals|contacts)/(.+)", path)
    assert found, path
    kept = world.deals if found[1] == "deals" else world.people
    if found[2] == "batch/upsert":
        return 200, _batch([_upserted(world, kept, one) for one in body["inputs"]])
    if found[2] == "batch/read":
        return 200, _batch([_hubspot_row(kept[one["id"]]) for one in body["inputs"] if one["id"] in kept])
    named = query.get("idProperty", [None])[0]
    row = next((one for one in kept.values() if (one["key"] if named else one["id"]) == found[2]), None)
    if row is None:
        return 404, {"status": "error", "message": "resource not found"}
    if method == "DELETE":
        del kept[row["id"]]
        return 204, None
    if method == "PATCH":
        _hubspot_fill(row, body["properties"])
    return 200, _hubspot_row(row)


def _hubspot_field(world: CrmWorld, method: str, kind: str, body: Said) -> Reply:
    if method == "POST":
        assert body["hasUniqueValue"] is True
        world.fields[kind].add(body["name"])
    if "overheard_id" not in world.fields[kind]:
        return 404, {"status": "error", "message": "no such property"}
    return 200 if method == "GET" else 201, {
        "name": "overheard_id", "label": "Overheard id", "type": "string", "fieldType": "text", "description": "",
        "groupName": "dealinformation", "options": [],
    }  # fmt: skip


def _upserted(world: CrmWorld, kept: dict[str, Said], said: Said) -> Said:
    assert said["idProperty"] == "overheard_id"
    row = next((one for one in kept.values() if one["key"] == said["id"]), None)
    row = row or world.make(kept, key=said["id"])
    _hubspot_fill(row, said["properties"])
    return _hubspot_row(row)


def _hubspot_fill(row: Said, said: Said) -> None:
    names = {"dealname": "name", "description": "text", "dealstage": "stage", "lastname": "name", "email": "email"}
    row.update({names[name]: value for name, value in said.items() if name in names})


def _hubspot_row(row: Said) -> Said:
    stamps = {"createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-01T00:00:00Z", "archived": False}
    said = {"overheard_id": row["key"], "pipeline": "default", "dealstage": row.get("stage")}
    return {"id": row["id"], "properties": said, "new": False, **stamps}


def _batch(rows: list[Said]) -> Said:
    return {"status": "COMPLETE", "results": rows, "startedAt": "2026-01-01T00:00:00Z",
            "completedAt": "2026-01-01T00:00:00Z"}  # fmt: skip


# --- Salesforce ----------------------------------------------------------------------------------------------------

_SOBJECT = re.compile(r"/services/data/v[\d.]+/sobjects/(\w+)(?:/(.+))?")


def salesforce(  # noqa: PLR0911 - one for each thing that is asked
    world: CrmWorld, method: str, path: str, query: dict[str, list[str]], raw: str, authorization: str
) -> Reply:
    if path == "/services/oauth2/token":
        if not authorization.startswith("Basic ") or world.token != TOKEN:
            return 401, {"error": "invalid_client"}
        return 200, {"access_token": "session", "instance_url": world.address}
    if authorization != "Bearer session":
        return 401, [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}]
    if path.endswith("/query/"):
        return 200, _queried(world, query["q"][0])
    found = _SOBJECT.fullmatch(path)
    assert found, path
    kind, rest = found[1], found[2] or ""
    if rest == "describe":
        field_of = {"Opportunity": "deal", "Contact": "person"}[kind]
        return 200, {"fields": [{"name": name, "externalId": True} for name in world.fields[field_of]]}
    body = json.loads(raw) if raw else {}
    if kind == "OpportunityContactRole":
        world.deals[body["OpportunityId"]]["person"] = body["ContactId"]
        return 201, {"id": "role", "success": True}
    kept = world.deals if kind == "Opportunity" else world.people
    return _salesforce_row(world, kept, method, rest, body)


def _salesforce_row(world: CrmWorld, kept: dict[str, Said], method: str, rest: str, body: Said) -> Reply:
    named, _, key = rest.rpartition("/")
    row = next((one for one in kept.values() if (one["key"] if named else one["id"]) == key), None)
    if method == "DELETE":
        if row is None:
            return 404, [{"errorCode": "NOT_FOUND", "message": "gone"}]
        del kept[row["id"]]
        return 204, None
    if row is None and kept is world.deals and not {"StageName", "CloseDate", "Name"} <= set(body):
        return 400, [{"errorCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing"}]
    is_new, row = row is None, row or world.make(kept, key=key)
    names = {"Name": "name", "Description": "text", "StageName": "stage", "LastName": "name", "Email": "email"}
    row.update({names[name]: value for name, value in body.items() if name in names})
    return (201, {"id": row["id"], "success": True, "created": True}) if is_new else (204, None)


def _queried(world: CrmWorld, soql: str) -> Said:
    rows: list[Said] = []
    if "FROM OpportunityStage" in soql:
        stages = [("1", False, False), ("2", False, False), ("won", True, True), ("lost", True, False)]
        rows = [{"ApiName": name, "MasterLabel": name.title(), "IsClosed": closed, "IsWon": won}
                for name, closed, won in stages]  # fmt: skip
    elif "FROM OpportunityContactRole" in soql:
        rows = [{"Id": "role"} for one in world.deals.values() if "person" in one and f"'{one['id']}'" in soql]
    else:
        kept = world.people if "FROM Contact" in soql else world.deals
        by = "key" if "Overheard_Id__c =" in soql else "id"
        asked = set(re.findall(r"'([^']*)'", soql))
        rows = [{"Id": one["id"], "StageName": one.get("stage")} for one in kept.values() if one[by] in asked]
    return {"totalSize": len(rows), "done": True, "records": rows}


# --- Pipedrive -----------------------------------------------------------------------------------------------------


def pipedrive(  # noqa: PLR0911 - one for each thing that is asked
    world: CrmWorld, method: str, path: str, query: dict[str, list[str]], body: Said
) -> Reply:
    kept = {"deals": world.deals, "persons": world.people, "notes": world.notes}
    if path == "/api/v2/pipelines":
        return _data([{"id": 1, "name": "Sales"}])
    if path == "/api/v2/stages":
        return _data([{"id": int(id_), "name": name, "pipeline_id": 1} for id_, name in OPEN_STAGES.items()])
    if found := re.fullmatch(r"/api/v2/(deal|person)Fields", path):
        if method == "POST":
            world.fields[found[1]].add(body["field_name"])
            return _data({"field_name": body["field_name"], "field_code": f"code_{found[1]}"})
        return _data([{"field_name": name, "field_code": f"code_{found[1]}"} for name in world.fields[found[1]]])
    if found := re.fullmatch(r"/api/v2/(deals|persons)/search", path):
        rows = [one for one in kept[found[1]].values() if one.get("key") == query["term"][0]]
        return _data({"items": [{"item": {"id": int(one["id"])}} for one in rows]})
    found = re.fullmatch(r"/api/v[12]/(deals|persons|notes)(?:/(\d+))?", path)
    assert found, path
    rows_of = kept[found[1]]
    if found[2] is None and method == "GET":
        return _pipedrive_list(rows_of, query)
    if found[2] is not None and found[2] not in rows_of:
        return 404, {"success": False, "error": "not found"}
    if method == "DELETE":
        return _data({"id": int(rows_of.pop(str(found[2]))["id"])})
    row = rows_of[found[2]] if found[2] else world.make(rows_of, status="open", stage_id="1")
    if method != "GET":
        _pipedrive_fill(row, body)
    return _data(_pipedrive_row(row), 201 if method == "POST" else 200)


def _pipedrive_list(rows: dict[str, Said], query: dict[str, list[str]]) -> Reply:
    if "deal_id" in query:
        return _data([{"id": int(one["id"]), "content": one["text"]} for one in rows.values()
                      if one["deal_id"] == query["deal_id"][0]])  # fmt: skip
    asked = query["ids"][0].split(",")
    return _data([_pipedrive_row(one) for one in rows.values() if one["id"] in asked])


def _pipedrive_fill(row: Said, said: Said) -> None:
    for name, value in said.get("custom_fields", {}).items():
        assert name.startswith("code_")
        row["key"] = value
    names = {"title": "name", "name": "name", "content": "text", "status": "status"}
    row.update({names[name]: value for name, value in said.items() if name in names})
    row.update({name: str(said[name]) for name in ("stage_id", "deal_id") if name in said})
    if "person_id" in said:
        row["person"] = str(said["person_id"])
    if said.get("emails"):
        row["email"] = said["emails"][0]["value"]
    row["stage"] = row["status"] if row.get("status") in ("won", "lost") else row.get("stage_id")


def _pipedrive_row(row: Said) -> Said:
    person = int(row["person"]) if "person" in row else None
    return {"id": int(row["id"]), "status": row["status"], "stage_id": int(row["stage_id"]), "person_id": person,
            "is_deleted": False}  # fmt: skip


def _data(said: Any, status: int = 200) -> Reply:  # noqa: ANN401 - JSON
    return status, {"success": True, "data": said}


@contextmanager
def serve_crm() -> Iterator[CrmWorld]:
    """A CRM that is served at `address`."""
    world = CrmWorld()
    world.is_awake.set()
    server = _Server(world)
    world.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield world
    finally:
        world.is_awake.set()
        server.shutdown()
        thread.join()
        server.server_close()
