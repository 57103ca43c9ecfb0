"""Words that the queries of all campaigns share, kept on the page of the campaigns."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import Response

from api.access import Action
from api.deps import Db, Now, Text, on_page
from api.pages import Flash, done
from overheard.keywords.query_variables import delete_variable, set_variable
from overheard.models import User

router = APIRouter(prefix="/campaigns/variables")

_HERE = "/campaigns#variables"

Words = Annotated[Text, Form()]
Tuner = Annotated[User, on_page(Action.SAVE_QUERY)]


@router.post("")
def keep(request: Request, _viewer: Tuner, db: Db, now: Now, name: Words = "", text: Words = "") -> Response:
    """What `${name}` stands for from now on."""
    variable = set_variable(db, name, text, now=now)
    said = f"${{{variable.name}}} is kept. The queries that use it were matched anew."
    return done(request, _HERE, Flash(said))


@router.post("/remove")
def remove(request: Request, _viewer: Tuner, db: Db, name: Words = "") -> Response:
    """Keep it no more."""
    delete_variable(db, name)
    return done(request, _HERE, Flash(f"${{{name}}} is gone."))
