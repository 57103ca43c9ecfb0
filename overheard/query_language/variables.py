"""What variables stand for."""

import sqlalchemy as sa
from sqlalchemy.orm import Session

from overheard.models import QueryVariable


def saved(session: Session) -> dict[str, str]:
    """All variables, by name: what `read` takes."""
    statement = sa.select(QueryVariable.name, QueryVariable.text).order_by(QueryVariable.name)
    return {name: text for name, text in session.execute(statement)}  # noqa: C416 - dict() of rows confuses mypy
