"""All settings, read from the environment at a door and passed down. A test holds README's table to this file."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


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
        env_prefix="OVERHEARD_", env_nested_delimiter="__", env_file=".env", extra="forbid", frozen=True
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
