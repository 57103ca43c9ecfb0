"""Credentials of accounts at platforms: encrypted at rest with a key outside the database, never shown again."""

import json
from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy.orm import Session

from overheard.db import upsert
from overheard.errors import InvalidInput, OverheardError
from overheard.home import credentials_key
from overheard.models import Credential
from overheard.settings import Settings
from overheard.users import audit
from overheard.vocabulary import AuditAction


def save(
    session: Session, settings: Settings, *, mode: str, name: str, secrets: Mapping[str, str], now: datetime
) -> int:
    """Keep the secrets of an account, in place of what we had of it; the credential's id."""
    row = {"mode": mode, "name": name, "sealed": seal(settings, secrets)}
    statement = upsert(session, Credential).values(**row, changed_at=now)
    renewed = {"sealed": row["sealed"], "changed_at": now}
    session.execute(statement.on_conflict_do_update(index_elements=["mode", "name"], set_=renewed))
    audit.record(session, None, AuditAction.CREDENTIALS_SAVED, f"{mode}: {name}", now=now)
    return session.scalars(sa.select(Credential.id).filter_by(mode=mode, name=name)).one()


def unseal(settings: Settings, credential: Credential) -> dict[str, str]:
    """The secrets of an account. For collectors only."""
    anew = f"overheard sources add {credential.mode}"
    return open_sealed(settings, credential.sealed, f"{credential.name} ({credential.mode})", anew=anew)


def seal(settings: Settings, secrets: Mapping[str, str]) -> bytes:
    """Secrets as they may lie in the database."""
    return _box(settings).encrypt(json.dumps(dict(secrets)).encode())


def open_sealed(settings: Settings, sealed: bytes, whose: str, *, anew: str) -> dict[str, str]:
    """The secrets again. `whose` they are, and how they are given `anew`, stand in the error."""
    try:
        secrets: dict[str, str] = json.loads(_box(settings).decrypt(sealed))
    except InvalidToken as error:
        raise OverheardError(
            f"The credentials of {whose} cannot be opened with this key. Bring back the file credentials_key of the "
            f"home folder (or OVERHEARD_CREDENTIALS_KEY), or give the credentials anew: {anew}"
        ) from error
    return secrets


def _box(settings: Settings) -> Fernet:
    try:
        return Fernet(credentials_key(settings))
    except ValueError as error:
        raise InvalidInput(
            "OVERHEARD_CREDENTIALS_KEY is no key: it takes 32 random bytes in URL-safe base64, as a Fernet key has."
        ) from error
