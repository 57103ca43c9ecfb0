"""All settings, read from the environment at a door and passed down. A test holds README's table to this file."""

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from overheard.errors import InvalidInput

_PREFIX = "OVERHEARD_"
_DELIMITER = "__"


class HackerNewsSettings(BaseModel):
    """How Hacker News is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: HttpUrl = Field(
        default=HttpUrl("https://hacker-news.firebaseio.com/v0/"), description="Address of the Hacker News item API."
    )
    timeout: float = Field(default=10.0, gt=0, description="Seconds to wait for one Hacker News answer.")
    backfill: int = Field(default=3000, ge=0, description="How many items back the very first collection starts.")


class Settings(BaseSettings):
    """One frozen object; nothing below a door reads the environment."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter=_DELIMITER, env_file=".env", extra="forbid", frozen=True
    )

    home: Path = Field(default=Path("var"), description="Folder for the database, caches and models.")
    database_url: SecretStr | None = Field(
        default=None, description="SQLAlchemy URL of the database; default: a SQLite file in the home folder."
    )
    secret_key: SecretStr | None = Field(
        default=None, description="Key that signs form tokens; default: made once and kept in the home folder."
    )
    encoder_path: Path | None = Field(
        default=None, description="Folder with the encoder's files; default: the installed package, then the model hub."
    )
    model_path: Path | None = Field(default=None, description="Folder of a trained model; default: the one shipped.")
    host: str = Field(default="127.0.0.1", description="Address the server listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the server listens on.")
    secure_cookies: bool = Field(default=False, description="Send the login cookie over HTTPS only.")
    session_hours: int = Field(default=72, gt=0, description="Hours until a login ends.")
    log_json: bool = Field(default=False, description="Write the log as JSON lines.")
    hackernews: HackerNewsSettings = HackerNewsSettings()

    @property
    def effective_database_url(self) -> str:
        """The database's URL, the default filled in."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.home / 'overheard.db').resolve()}"


def read_settings() -> Settings:
    """The settings of this process; `InvalidInput` names the variable that is wrong, and one that is none of ours."""
    unknown = sorted(name for name in os.environ if name.upper().startswith(_PREFIX) and not _is_ours(name))
    if unknown:
        message = f"{unknown[0]} is no setting of Overheard. The settings are listed in .env.example."
        raise InvalidInput(message)
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = _PREFIX + _DELIMITER.join(str(part) for part in first["loc"]).upper()
        message = f"The setting {name} cannot be taken: {first['msg']}."
        raise InvalidInput(message) from error


def setting_names() -> dict[str, FieldInfo]:
    """Every setting by the name of its environment variable, nested ones spelled out."""
    names: dict[str, FieldInfo] = {}
    for field, info in Settings.model_fields.items():
        name = f"{_PREFIX}{field}".upper()
        if isinstance(info.annotation, type) and issubclass(info.annotation, BaseModel):
            inner = info.annotation.model_fields.items()
            names |= {f"{name}{_DELIMITER}{nested}".upper(): nested_info for nested, nested_info in inner}
        else:
            names[name] = info
    return names


def _is_ours(name: str) -> bool:
    return name.upper() in setting_names()
