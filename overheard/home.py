"""The home folder: where the database, the caches and the models of this installation are."""

import base64
import os
import secrets
from pathlib import Path

from overheard.errors import OverheardError
from overheard.settings import Settings

SECRET_KEY = "secret_key"  # noqa: S105 - a file name
CREDENTIALS_KEY = "credentials_key"
"""Files in it, where the settings name no such key."""


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
    return _kept(settings, SECRET_KEY)


def credentials_key(settings: Settings) -> str:
    """The key that encrypts the credentials of platforms; kept like the other one, and never in the database."""
    if settings.credentials_key is not None:
        return settings.credentials_key.get_secret_value()
    return _kept(settings, CREDENTIALS_KEY)


def _kept(settings: Settings, name: str) -> str:
    prepare_home(settings)
    path = settings.home / name
    if not path.exists():
        _write_new_key(path)
    return path.read_text().strip()


def _write_new_key(path: Path) -> None:
    draft = path.with_suffix(f".{os.getpid()}")
    draft.touch(mode=0o600)
    # 32 random bytes in base64 with its padding: the form of a Fernet key, which does for signing as well.
    draft.write_text(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())
    try:
        os.link(draft, path)  # atomic, and of two processes that start at once one wins
    except FileExistsError:
        pass
    finally:
        draft.unlink()
