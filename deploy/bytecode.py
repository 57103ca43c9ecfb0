"""Loads all that is ours, so that Python keeps what it compiles for it. Of what nobody loads nothing is kept.

The Dockerfile runs it in the image, with that image's Python.
"""

import importlib
import pkgutil
import sys


def main() -> None:
    for package in ("overheard", "collectors", "classifier", "api", "cli"):
        for module in pkgutil.walk_packages([importlib.import_module(package).__path__[0]], f"{package}."):
            if "migrations" in module.name or "__main__" in module.name:
                continue  # these are run, by Alembic and by Python, and not imported
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:  # an extra that is not installed, such as `train`
                sys.stdout.write(f"{module.name} is left out: {error}\n")


if __name__ == "__main__":
    main()
