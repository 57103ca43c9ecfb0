"""Named lists that all campaigns' queries share as `${name}`: saving one changes every query that uses it."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.errors import InvalidInput, InvalidQuery, NotFound
from overheard.keywords.queries import match_stored
from overheard.models import Campaign, Query, QueryVariable
from overheard.query_language import read
from overheard.query_language.variables import saved

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def list_variables(session: Session) -> Sequence[QueryVariable]:
    """All variables, by name."""
    return session.scalars(sa.select(QueryVariable).order_by(QueryVariable.name)).all()


def set_variable(session: Session, name: str, text: str, *, now: datetime) -> QueryVariable:
    """Save what `${name}` stands for, and match the stored posts against the queries that use it.

    Refused where it, or a query in force, could then not be read: it holds itself, or more than a query may hold.
    What queries met before stays, as it explains the leads it brought.
    """
    name, text = name.strip().removeprefix("${").removesuffix("}").casefold(), text.strip()
    if not _NAME.fullmatch(name):
        raise InvalidInput("A variable's name begins with a letter and has up to 40 letters, digits, - and _.")
    variables = saved(session) | {name: text}
    read(f"${{{name}}}", variables)
    touched = _touched(session, name, variables)
    variable = session.scalars(sa.select(QueryVariable).where(QueryVariable.name == name)).one_or_none()
    if variable is None:
        variable = QueryVariable(name=name)
        session.add(variable)
    variable.text, variable.changed_at = text, now
    session.flush()
    match_stored(session, touched)
    return variable


def delete_variable(session: Session, name: str) -> None:
    """Remove a variable that no query in force and no other variable uses."""
    variable = session.scalars(sa.select(QueryVariable).where(QueryVariable.name == name)).one_or_none()
    if variable is None:
        raise NotFound(f"There is no variable ${{{name}}}.")
    rest = {other: text for other, text in saved(session).items() if other != name}
    _touched(session, name, rest)
    users = [other for other, text in rest.items() if _uses(text, name)]
    if users:
        raise InvalidInput(f"The variable ${{{users[0]}}} uses ${{{name}}}: change that first.")
    session.delete(variable)
    session.flush()


def _touched(session: Session, name: str, variables: Mapping[str, str]) -> list[int]:
    """The queries in force (ids) that use the variable, themselves or through another; all must still be readable."""
    statement = (
        sa.select(Query.id, Query.name, Query.expression, Campaign.name)
        .join(Campaign, Campaign.id == Query.campaign_id)
        .where(Query.retired_at.is_(None), Query.expression.contains("${", autoescape=True))
        .order_by(Query.id)
    )
    names = _names_through(name, variables)
    touched = []
    for query_id, query_name, expression, campaign in session.execute(statement):
        if not any(_uses(expression, one) for one in names):
            continue
        try:
            read(expression, variables)
        except InvalidQuery as error:
            message = f"The query {query_name!r} of the campaign {campaign!r} could then not be read: {error}"
            raise InvalidInput(message) from error
        touched.append(query_id)
    return touched


def _names_through(name: str, variables: Mapping[str, str]) -> set[str]:
    """The variable, and those that hold it."""
    names = {name}
    while found := {other for other, text in variables.items() if any(_uses(text, one) for one in names)} - names:
        names |= found
    return names


def _uses(text: str, name: str) -> bool:
    return any(used.strip().casefold() == name for used in re.findall(r"\$\{([^}]*)\}", text))
