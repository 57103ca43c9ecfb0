"""Alembic's entry: runs the migrations on the connection that `overheard.db.upgrade` hands over."""

import sqlalchemy as sa
from alembic import context

from overheard.models import Base

_connection: sa.Connection | None = context.config.attributes.get("connection")
if _connection is None:
    _message = "Migrations run through `overheard init` (or `make migration`), which hands a connection over."
    raise RuntimeError(_message)

context.configure(
    connection=_connection,
    target_metadata=Base.metadata,
    compare_type=True,
    compare_server_default=True,
    render_as_batch=_connection.dialect.name == "sqlite",  # SQLite cannot alter a column in place
    transaction_per_migration=False,
)
context.run_migrations()
