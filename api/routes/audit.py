"""The audit log, for admins."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, field_validator
from starlette.responses import Response

from api.access import Action
from api.deps import MAX_ID, ReadDb, Text, on_page
from api.pages import page
from overheard.models import User
from overheard.users import audit, people
from overheard.users.audit import Wanted
from overheard.vocabulary import AuditAction

router = APIRouter(prefix="/audit")


class AuditParams(BaseModel):
    """Which entries are asked for. What a form leaves empty is not asked."""

    model_config = ConfigDict(extra="forbid")

    action: AuditAction | None = None
    actor: int | None = Field(None, ge=1, le=MAX_ID, description="The id of the user who did it.")
    text: Text = Field("", max_length=200, description="Occurs in what is told.")

    @field_validator("action", "actor", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @property
    def wanted(self) -> Wanted:
        """As the log takes it."""
        return Wanted(self.action, self.actor, self.text.strip())


class AuditPageParams(AuditParams):
    """The filter and the place."""

    before: int | None = Field(None, ge=1, le=MAX_ID)


@router.get("")
def audit_log(
    request: Request,
    viewer: Annotated[User, on_page(Action.READ_AUDIT)],
    db: ReadDb,
    params: Annotated[AuditPageParams, Query()],
) -> Response:
    """What was done here, the newest first."""
    found = audit.entries(db, params.wanted, before=params.before)
    shown = found[: audit.PAGE_SIZE]
    older = shown[-1].id if len(found) > len(shown) else None
    return page(
        request, "audit.html", viewer=viewer, found=shown, older=older, params=params, people=people.everybody(db)
    )
