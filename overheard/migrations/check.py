"""Do the migrations, on an empty SQLite database, lead to the tables that the code declares? Exits 1 if not."""

import sys

from alembic import command
from alembic.util import CommandError

from overheard.db import make_engine, migration_config


def main() -> None:
    engine = make_engine("sqlite://")
    with engine.connect() as connection, connection.begin():
        config = migration_config(connection)
        command.upgrade(config, "head")
        try:
            command.check(config)
        except CommandError as error:
            sys.exit(f"{error}\nWrite a migration: make migration NAME=…")


if __name__ == "__main__":
    main()
