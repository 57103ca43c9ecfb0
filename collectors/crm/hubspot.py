"""HubSpot, by its own client: deals with a unique field for our name, so that HubSpot itself keeps them one."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import urllib3
from hubspot import HubSpot
from hubspot.crm import contacts, deals, properties
from urllib3.util.retry import Retry

from collectors.crm.base import Crm, There, failure, seconds
from overheard.crm.records import LOST, OPEN, WON, Person, Record, RemoteStage
from overheard.errors import CollectorError

_FIELD = "overheard_id"
_NOT_FOUND = 404
_CONFLICT = 409
_READS = [_FIELD, "pipeline", "dealstage"]


class HubSpotCrm(Crm):
    """Deals, with a contact. What is told stands in the deal's description."""

    def __init__(self, address: str, secrets: Mapping[str, str], timeout: float) -> None:
        super().__init__(address, secrets, timeout)
        # Its client would ask again by itself; our own pushes know when.
        self._crm = HubSpot(access_token=secrets["token"], host=address, retry=Retry(total=0)).crm

    def stages(self) -> Sequence[RemoteStage]:
        """Of all pipelines of deals."""
        found = self._ask(self._crm.pipelines.pipelines_api.get_all, "deals").results
        return [
            RemoteStage(f"{pipeline.id}/{stage.id}", f"{pipeline.label}: {stage.label}", _kind(stage.metadata))
            for pipeline in found
            for stage in sorted(pipeline.stages, key=lambda one: one.display_order)
        ]

    def prepare(self) -> None:
        """A unique field of deals and one of contacts."""
        for kind, group in (("deals", "dealinformation"), ("contacts", "contactinformation")):
            if self._ask(self._crm.properties.core_api.get_by_name, kind, _FIELD, may_miss=True) is not None:
                continue
            field = properties.PropertyCreate(
                name=_FIELD, label="Overheard id", type="string", field_type="text", group_name=group,
                has_unique_value=True,
            )  # fmt: skip
            self._ask(self._crm.properties.core_api.create, kind, field)

    def find(self, record: Record) -> There | None:
        """By our name, which the field holds: it is known at once, where search takes seconds."""
        told = {"properties": _READS}
        get = self._crm.deals.basic_api.get_by_id
        found = self._ask(get, record.key, id_property=_FIELD, may_miss=True, **told)
        return None if found is None else There(str(found.id), _stage(found.properties), record.contact_id)

    def write(self, record: Record, there: There | None) -> There:
        """One upsert by our name: two at once are still one record."""
        said = {_FIELD: record.key, "dealname": record.name, "description": record.text}
        if record.stage is not None:
            said["pipeline"], _, said["dealstage"] = record.stage.partition("/")
        one = deals.SimplePublicObjectBatchInputUpsert(id_property=_FIELD, id=record.key, properties=said)
        batch = deals.BatchInputSimplePublicObjectBatchInputUpsert(inputs=[one])
        answer = self._ask(self._crm.deals.batch_api.upsert, batch)
        [deal] = _results(answer)
        contact_id = record.contact_id
        if record.person is not None:
            contact_id = self._contact(record.key, record.person)
            connect = self._crm.associations.v4.basic_api.create_default
            self._ask(connect, "deals", str(deal.id), "contacts", contact_id)
        stage = record.stage or (there.stage if there else "")
        return There(str(deal.id), stage, contact_id)

    def take_back(self, record: Record, there: There | None) -> None:
        """The contact of ours: its words go, then itself."""
        get = self._crm.contacts.basic_api.get_by_id
        ours = self._ask(get, record.key, id_property=_FIELD, may_miss=True)
        if ours is None:
            return
        nobody = contacts.SimplePublicObjectInput(
            properties={"firstname": "", "lastname": "", "phone": "", "email": ""}
        )
        self._ask(self._crm.contacts.basic_api.update, str(ours.id), nobody)
        self._ask(self._crm.contacts.basic_api.archive, str(ours.id), may_miss=True)

    def delete(self, remote_id: str) -> None:
        """A test's deal."""
        self._ask(self._crm.deals.basic_api.archive, remote_id, may_miss=True)

    def read(self, remote_ids: Sequence[str]) -> dict[str, str]:
        """At most a hundred at once."""
        inputs = [deals.SimplePublicObjectId(id=remote_id) for remote_id in remote_ids]
        batch = deals.BatchReadInputSimplePublicObjectId(inputs=inputs, properties=_READS, properties_with_history=[])
        answer = self._ask(self._crm.deals.batch_api.read, batch)
        return {str(deal.id): _stage(deal.properties) for deal in answer.results}

    def _contact(self, key: str, person: Person) -> str:
        said = {_FIELD: key, "lastname": person.name, "email": person.email, "phone": person.phone}
        one = contacts.SimplePublicObjectBatchInputUpsert(
            id_property=_FIELD, id=key, properties={name: value for name, value in said.items() if value}
        )
        batch = contacts.BatchInputSimplePublicObjectBatchInputUpsert(inputs=[one])
        [contact] = _results(self._ask(self._crm.contacts.batch_api.upsert, batch))
        return str(contact.id)

    def _ask(self, question: Callable[..., Any], *said: Any, may_miss: bool = False, **told: Any) -> Any:  # noqa: ANN401 - the client has no types
        try:
            return question(*said, _request_timeout=self.timeout, **told)
        except urllib3.exceptions.HTTPError as error:
            raise CollectorError(f"HubSpot cannot be reached: {type(error).__name__}.") from error
        except Exception as error:
            # Each part of the client has exceptions of its own, which share nothing but their form.
            status = getattr(error, "status", None)
            if status is None:
                raise CollectorError(f"HubSpot's answer cannot be read: {type(error).__name__}.") from error
            if may_miss and status == _NOT_FOUND:
                return None
            headers = getattr(error, "headers", None) or {}
            raise failure(
                "HubSpot", status, _message(error), retry_after=seconds(headers.get("Retry-After"))
            ) from error


def _results(answer: Any) -> Any:  # noqa: ANN401 - the client has no types
    """What was written. A batch of one that was refused comes as a success without results."""
    if not answer.results:
        errors = getattr(answer, "errors", None) or []
        raise failure("HubSpot", _CONFLICT, "; ".join(str(one.message) for one in errors))
    return answer.results


def _message(error: Exception) -> str:
    try:
        return str(json.loads(getattr(error, "body", None) or b"{}").get("message", ""))
    except ValueError:
        return ""


def _stage(said: Mapping[str, str]) -> str:
    return f"{said.get('pipeline')}/{said.get('dealstage')}"


def _kind(metadata: Mapping[str, str]) -> str:
    if str(metadata.get("isClosed")).lower() != "true":
        return OPEN
    return WON if float(metadata.get("probability") or 0) >= 1 else LOST
