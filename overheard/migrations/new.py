"""Write a migration for what changed in the tables: `python -m overheard.migrations.new "add tags"`."""

import sys

from alembic import command

from overheard.db import MIGRATIONS, make_engine, migration_config


def main(name: str) -> None:
    engine = make_engine("sqlite://")
    with engine.connect() as connection, connection.begin():
        config = migration_config(connection)
        command.upgrade(config, "head")
        number = f"{len(_versions()) + 1:04}"
        command.revision(config, message=name, autogenerate=True, rev_id=number)


def _versions() -> list[str]:
    return [path.name for path in (MIGRATIONS / "versions").glob("[0-9]*.py")]


if __name__ == "__main__":
    main(sys.argv[1])
