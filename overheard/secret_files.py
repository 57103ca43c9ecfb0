"""Secrets that are kept in files: a variable `NAME_FILE` names the file that holds what `NAME` would say. So Docker and
systemd hand them over, and neither a list of processes nor a dump of the environment shows them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from overheard.errors import InvalidInput

SUFFIX = "_FILE"


def with_secret_files(variables: Mapping[str, str | None], secrets: Iterable[str]) -> dict[str, str | None]:
    """The variables, with each `NAME_FILE` of a secret replaced by `NAME`; in any case of letters."""
    found = {name.upper(): (name, value) for name, value in variables.items()}
    replaced = dict(variables)
    for secret in secrets:
        given, path = found.get(secret + SUFFIX, ("", None))
        if not given:
            continue
        if found.get(secret, ("", None))[1]:
            raise InvalidInput(f"{secret} and {secret}{SUFFIX} are both set. Keep one of them.")
        del replaced[given]
        replaced[given[: -len(SUFFIX)]] = _read(secret + SUFFIX, path)
    return replaced


def _read(name: str, path: str | None) -> str:
    if not path:
        raise InvalidInput(f"{name} is set and names no file.")
    try:
        value = Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidInput(f"{name} names {path}, which cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{name} names {path}, which is no text.") from error
    if not value:
        raise InvalidInput(f"{name} names {path}, which is empty.")
    return value
