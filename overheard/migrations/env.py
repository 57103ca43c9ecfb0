"""Alembic's entry: runs the migrations on the connection that `overheard.db.upgrade` hands over."""

import sqlalchemy as sa
from alembic import context

from overheard.models import Base

_connection: sa.Connection | None = context.config.attributes.get("connection")
if _connection is None:
    _message = "Migrations run through `overheard init` (or `make migration`), which hands a connection over."
    raise RuntimeError(_message)


def _is_declared(name: str | None, kind: str, _parents: object) -> bool:
    """The search index and what SQLite keeps it in are tables of the database's own making (migration 0010), and the
    jobs' tables are Procrastinate's (migration 0021).
    """
    return kind != "table" or not (name or "").startswith(("post_search", "procrastinate_"))


context.configure(
    connection=_connection,
    target_metadata=Base.metadata,
    compare_type=True,
    compare_server_default=True,
    render_as_batch=_connection.dialect.name == "sqlite",  # SQLite cannot alter a column in place
    transaction_per_migration=False,
    include_name=_is_declared,
)
context.run_migrations()
