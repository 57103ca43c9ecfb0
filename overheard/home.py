"""The home folder: where the database, the caches and the models of this installation are."""

import os
import secrets
from pathlib import Path

from overheard.errors import OverheardError
from overheard.settings import Settings

_KEY_FILE = "secret_key"


def prepare_home(settings: Settings) -> None:
    """Make the home folder, for its owner only, when it is not there."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        message = (
            f"The home folder {settings.home} cannot be made: {error.strerror}. Set OVERHEARD_HOME to one that can."
        )
        raise OverheardError(message) from error


def secret_key(settings: Settings) -> str:
    """The key that signs form tokens: the one in the settings, or one that is made once and kept at home."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    prepare_home(settings)
    path = settings.home / _KEY_FILE
    if not path.exists():
        _write_new_key(path)
    return path.read_text().strip()


def _write_new_key(path: Path) -> None:
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(secrets.token_urlsafe(32))
    try:
        os.link(draft, path)  # atomic, and of two processes that start at once one wins
    except FileExistsError:
        pass
    finally:
        draft.unlink()
