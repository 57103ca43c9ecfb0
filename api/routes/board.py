"""The board: all stages side by side."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from api.access import Action
from api.deps import MAX_ID, Now, ReadDb, StateDep, on_page
from api.filters import none_if_empty
from api.pages import page
from overheard.desk import board
from overheard.marketing import campaigns
from overheard.models import User

router = APIRouter()


class BoardParams(BaseModel):
    """Whose leads, and of which campaign."""

    model_config = ConfigDict(extra="forbid")

    campaign: Annotated[int | None, BeforeValidator(none_if_empty)] = Field(None, ge=1, le=MAX_ID)
    mine: bool = False


@router.get("/board")
def show_board(
    *,
    request: Request,
    viewer: Annotated[User, on_page(Action.READ_QUEUE)],
    db: ReadDb,
    state: StateDep,
    now: Now,
    params: Annotated[BoardParams, Query()],
) -> Response:
    """Every stage with its first leads."""
    columns = board.columns(
        db,
        limits=state.settings.desk,
        now=now,
        zone=state.settings.zone,
        campaign_id=params.campaign,
        assignee_id=viewer.id if params.mine else None,
        key=state.key,
    )
    listed = [view.campaign for view in campaigns.views(db)]
    return page(request, "board.html", viewer=viewer, columns=columns, params=params, campaigns=listed)
