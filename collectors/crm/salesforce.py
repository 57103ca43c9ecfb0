"""Salesforce, by simple-salesforce: opportunities with an external id, by which Salesforce itself keeps them one."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceError
from simple_salesforce.format import format_soql

from collectors.crm.base import Crm, There, failure, seconds
from overheard.crm.records import LOST, OPEN, WON, Person, Record, RemoteStage
from overheard.errors import CollectorError

_FIELD = "Overheard_Id__c"
_NOT_FOUND = 404
_FORBIDDEN = 403
_CLOSES_IN = timedelta(days=90)
"""An opportunity must have a day on which it closes; sales sets the real one."""
_AN_HOUR = 3600.0


class SalesforceCrm(Crm):
    """Opportunities, with a contact. What is told stands in the opportunity's description."""

    def __init__(self, address: str, secrets: Mapping[str, str], timeout: float) -> None:
        super().__init__(address, secrets, timeout)
        self._session = requests.Session()
        self._session.hooks["response"].append(self._heard)
        self._opened: Salesforce | None = None
        self._retry_after: float | None = None

    def stages(self) -> Sequence[RemoteStage]:
        """Those that are in use."""
        rows = self._query(
            "SELECT ApiName, MasterLabel, IsClosed, IsWon FROM OpportunityStage "
            "WHERE IsActive = true ORDER BY SortOrder"
        )
        return [RemoteStage(row["ApiName"], row["MasterLabel"], _kind(row)) for row in rows]

    def prepare(self) -> None:
        """Whether the fields are there: only an admin of Salesforce can make them."""
        for kind in ("Opportunity", "Contact"):
            described = self._ask(f"sobjects/{kind}/describe")
            if _FIELD not in {field["name"] for field in described["fields"] if field.get("externalId")}:
                raise CollectorError(
                    f"{kind} has no external id field {_FIELD}: docs/crm.md says how an admin of Salesforce makes it.",
                    permanent=True,
                )

    def find(self, record: Record) -> There | None:
        """By our name, which is unique there."""
        rows = self._query(format_soql("SELECT Id, StageName FROM Opportunity WHERE Overheard_Id__c = {}", record.key))
        return There(rows[0]["Id"], rows[0]["StageName"], record.contact_id) if rows else None

    def write(self, record: Record, there: There | None) -> There:
        """One upsert by our name: two at once are still one record."""
        said: dict[str, Any] = {"Name": record.name, "Description": record.text}
        if record.stage is not None:
            said["StageName"] = record.stage
        if there is None:
            said["CloseDate"] = f"{datetime.now(UTC) + _CLOSES_IN:%Y-%m-%d}"
        self._ask(f"sobjects/Opportunity/{_FIELD}/{record.key}", method="PATCH", json=said)
        there = there or self.find(record)
        if there is None:
            raise CollectorError("Salesforce took an opportunity and does not show it: may our app read it?")
        remote_id = there.id
        contact_id = record.contact_id
        if record.person is not None:
            contact_id = self._contact(record.key, record.person)
            self._connect(remote_id, contact_id)
        return There(remote_id, record.stage or there.stage, contact_id)

    def take_back(self, record: Record, there: There | None) -> None:
        """The contact of ours: its words go, then itself."""
        rows = self._query(format_soql("SELECT Id FROM Contact WHERE Overheard_Id__c = {}", record.key))
        for row in rows:
            nobody = {"LastName": "Erased in Overheard", "Email": None, "Phone": None}
            self._ask(f"sobjects/Contact/{row['Id']}", method="PATCH", json=nobody)
            self._ask(f"sobjects/Contact/{row['Id']}", method="DELETE", may_miss=True)

    def delete(self, remote_id: str) -> None:
        """A test's opportunity."""
        self._ask(f"sobjects/Opportunity/{remote_id}", method="DELETE", may_miss=True)

    def read(self, remote_ids: Sequence[str]) -> dict[str, str]:
        """At most a hundred at once."""
        rows = self._query(format_soql("SELECT Id, StageName FROM Opportunity WHERE Id IN {}", list(remote_ids)))
        return {row["Id"]: row["StageName"] for row in rows}

    def _contact(self, key: str, person: Person) -> str:
        said = {"LastName": person.name, "Email": person.email, "Phone": person.phone}
        told = {name: value for name, value in said.items() if value}
        self._ask(f"sobjects/Contact/{_FIELD}/{key}", method="PATCH", json=told)
        rows = self._query(format_soql("SELECT Id FROM Contact WHERE Overheard_Id__c = {}", key))
        return str(rows[0]["Id"])

    def _connect(self, opportunity_id: str, contact_id: str) -> None:
        is_there = self._query(
            format_soql(
                "SELECT Id FROM OpportunityContactRole WHERE OpportunityId = {} AND ContactId = {}",
                opportunity_id,
                contact_id,
            )
        )
        if not is_there:
            role = {"OpportunityId": opportunity_id, "ContactId": contact_id, "IsPrimary": True}
            self._ask("sobjects/OpportunityContactRole", method="POST", json=role)

    # --- asking ----------------------------------------------------------------------------------------------------

    def _query(self, soql: str) -> list[Any]:
        return list(self._ask("query/", params={"q": soql})["records"])

    def _ask(self, path: str, *, may_miss: bool = False, **said: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            return self._client().restful(path, timeout=self.timeout, **said)
        except SalesforceError as error:
            if may_miss and error.status == _NOT_FOUND:
                return None
            raise self._failure(error.status, error.content) from error
        except requests.RequestException as error:
            raise CollectorError(f"Salesforce cannot be reached: {type(error).__name__}.") from error

    def _client(self) -> Salesforce:
        """A session of the app's own user; it lasts longer than a pass."""
        if self._opened is None:
            answer = self._session.post(
                f"{self.address}/services/oauth2/token",
                data={"grant_type": "client_credentials"},
                auth=(self.secrets["client_id"], self.secrets["token"]),
                timeout=self.timeout,
            )
            if not answer.ok:
                raise CollectorError(
                    f"Salesforce does not open by this key and secret ({answer.status_code}): docs/crm.md says how the "
                    "app is set up.",
                    permanent=answer.status_code in (400, 401),
                )
            opened = answer.json()
            at = opened.get("instance_url") or self.address
            self._opened = Salesforce(session_id=opened["access_token"], instance_url=at, session=self._session)
            # It writes https by itself, whatever the address says.
            self._opened.base_url = f"{at}{urlsplit(self._opened.base_url).path}"
        return self._opened

    def _heard(self, answer: requests.Response, **_: Any) -> None:  # noqa: ANN401 - as requests calls it
        self._retry_after = seconds(answer.headers.get("Retry-After"))

    def _failure(self, status: int, content: Any) -> Exception:  # noqa: ANN401 - JSON
        first = content[0] if isinstance(content, list) and content else {}
        code = str(first.get("errorCode", ""))
        if status == _FORBIDDEN and code == "REQUEST_LIMIT_EXCEEDED":
            return CollectorError("Salesforce's requests of this day are used up.", retry_after=_AN_HOUR)
        return failure("Salesforce", status, f"{code} {first.get('message', '')}", retry_after=self._retry_after)


def _kind(row: Mapping[str, Any]) -> str:
    return OPEN if not row["IsClosed"] else WON if row["IsWon"] else LOST
