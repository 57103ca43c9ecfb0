"""The API for programs, of the words that queries share."""

from datetime import datetime
from typing import Annotated, Self

from fastapi import Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from api.access import Action
from api.bodies import Body
from api.deps import Db, Now, ReadDb, Text, by_token
from api.errors import TooLarge
from api.openapi import problems
from api.paging import Page, PageParams, page_of
from api.routing import ApiRouter
from overheard.errors import InvalidInput, InvalidQuery, NotFound
from overheard.keywords.query_variables import delete_variable, list_variables, set_variable
from overheard.models import QueryVariable, User

router = ApiRouter(tags=["campaigns"])

Tuner = Annotated[User, by_token(Action.SAVE_QUERY)]


class NewVariable(Body):
    """What `${name}` is to stand for in every query."""

    name: Text = Field(min_length=1, max_length=100)
    text: Text = Field(description="An expression; of several lines each is one alternative.")


class VariableBody(BaseModel):
    """What `${name}` stands for."""

    name: str
    text: str
    changed_at: datetime

    @classmethod
    def of(cls, variable: QueryVariable) -> Self:
        """From the row."""
        return cls(name=variable.name, text=variable.text, changed_at=variable.changed_at)


@router.get(
    "/variables",
    operation_id="listVariables",
    summary="Words that queries share",
    responses=problems(InvalidInput),
)
def read_variables(
    _user: Annotated[User, by_token(Action.READ_CAMPAIGNS)], db: ReadDb, params: Annotated[PageParams, Query()]
) -> Page[VariableBody]:
    """All of them, by name."""
    return page_of(list_variables(db), params, VariableBody.of, key=lambda variable: [variable.name])


@router.post(
    "/variables",
    operation_id="setVariable",
    summary="Set a variable",
    responses=problems(InvalidInput, InvalidQuery, TooLarge),
)
def keep(_user: Tuner, db: Db, now: Now, body: NewVariable) -> VariableBody:
    """A new one, or other words for one; stored posts are matched again where a query uses it."""
    return VariableBody.of(set_variable(db, body.name, body.text, now=now))


@router.delete(
    "/variables/{name}",
    status_code=204,
    operation_id="deleteVariable",
    summary="Delete a variable",
    responses=problems(NotFound, InvalidInput, TooLarge),
)
def remove(_user: Tuner, name: Annotated[Text, Path(max_length=100)], db: Db) -> Response:
    """Refused while a query or another variable uses it."""
    delete_variable(db, name)
    return Response(status_code=204)
