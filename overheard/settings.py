"""All settings, read from the environment at a door and passed down. A test holds README's table to this file."""

import os
from ipaddress import ip_network
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationError, WebsocketUrl, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from overheard.errors import InvalidInput
from overheard.secret_files import SUFFIX, with_secret_files
from overheard.vocabulary import AssignmentRule, Role

_PREFIX = "OVERHEARD_"
_DELIMITER = "__"


class HackerNewsSettings(BaseModel):
    """How Hacker News is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: HttpUrl = Field(
        default=HttpUrl("https://hacker-news.firebaseio.com/v0/"), description="Address of the Hacker News item API."
    )
    backfill: int = Field(default=3000, ge=0, description="How many items back the very first collection starts.")


class RedditSettings(BaseModel):
    """Where Reddit is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: HttpUrl = Field(default=HttpUrl("https://www.reddit.com"), description="Address of Reddit.")
    oauth_url: HttpUrl = Field(default=HttpUrl("https://oauth.reddit.com"), description="Address of Reddit's API.")


class SlackSettings(BaseModel):
    """Where Slack is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base_url: HttpUrl = Field(default=HttpUrl("https://slack.com/api/"), description="Address of Slack's Web API.")
    lookback_days: int = Field(default=14, ge=1, description="Days back in which Slack threads are looked at again.")


class BlueskySettings(BaseModel):
    """Where Bluesky's services are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stream_url: WebsocketUrl = Field(
        default=WebsocketUrl("wss://jetstream.us-east.bsky.network/xrpc/network.bsky.jetstream.subscribeEvents"),
        description="Address of the Jetstream to subscribe to.",
    )
    base_url: HttpUrl = Field(
        default=HttpUrl("https://public.api.bsky.app/xrpc/"), description="Address of Bluesky's public API."
    )


class ServiceSettings(BaseModel):
    """Where the one-address services are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stackexchange_url: HttpUrl = Field(
        default=HttpUrl("https://api.stackexchange.com/2.3/"), description="Address of the Stack Exchange API."
    )
    github_url: HttpUrl = Field(default=HttpUrl("https://api.github.com/"), description="Address of GitHub's API.")
    discord_url: HttpUrl = Field(
        default=HttpUrl("https://discord.com/api/v10/"), description="Address of Discord's API."
    )
    telegram_url: HttpUrl = Field(
        default=HttpUrl("https://api.telegram.org/"), description="Address of Telegram's Bot API."
    )
    x_url: HttpUrl = Field(default=HttpUrl("https://api.x.com/2/"), description="Address of the API of X.")


class DeskSettings(BaseModel):
    """What is marked as waiting too long. Where a number is 0, that mark is off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_contact_hours: int = Field(
        default=24, ge=0, description="Hours after which a sales-qualified lead without a reply is marked; 0: never."
    )
    idle_days: int = Field(
        default=14, ge=0, description="Days without any event after which a lead at work is marked; 0: never."
    )


class MailSettings(BaseModel):
    """By which server mail goes out. Without a host none does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str | None = Field(default=None, description="Name of the SMTP server; without it no mail is sent.")
    port: int = Field(default=587, ge=1, le=65535, description="Port of the SMTP server.")
    security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the way to the SMTP server is protected: starttls, tls or none."
    )
    user: str | None = Field(default=None, description="Name to log in with at the SMTP server.")
    password: SecretStr | None = Field(default=None, description="Password to log in with at the SMTP server.")
    sender: str = Field(default="overheard@localhost", description="Address that our mail comes from.")


class KeepSettings(BaseModel):
    """How long rows are kept that no post, lead or user takes along. Where a number is 0, they are kept for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dead_letters_days: int = Field(
        default=90, ge=0, description="Days for which items that could not be taken in are kept; 0: for ever."
    )
    notices_days: int = Field(default=180, ge=0, description="Days for which notices are kept; 0: for ever.")
    expired_days: int = Field(
        default=365,
        ge=0,
        description="Days for which a post that outlived its retention is kept from coming again; 0: for ever.",
    )


class OidcSettings(BaseModel):
    """The identity provider by which people may sign in. Without an issuer there is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: HttpUrl | None = Field(default=None, description="Address of the OpenID provider; none: passwords only.")
    client_id: str = Field(default="", description="Our client id at the OpenID provider.")
    client_secret: SecretStr = Field(default=SecretStr(""), description="Our client secret at the OpenID provider.")
    name: str = Field(default="single sign-on", description="How the OpenID provider is called on the login page.")
    domain: str = Field(
        default="", description="Domain of e-mail addresses whose owners need no invitation; empty: none."
    )
    default_role: Role = Field(default=Role.SDR, description="Role of those who come in by their domain.")


class ReplySettings(BaseModel):
    """The guardrails of replies. Where a number is 0, that guardrail is off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stopped: bool = Field(default=False, description="Let no reply go out, whatever anybody says.")
    near_copy: float = Field(
        default=0.8, ge=0, le=1, description="How alike an earlier reply a new one may not be (Jaccard); 0: any."
    )
    near_copy_days: int = Field(default=90, ge=1, description="Days for which a reply is compared with new ones.")
    day_cap: int = Field(default=10, ge=0, description="Replies of one account on one day; 0: any number.")
    community_cap: int = Field(default=3, ge=0, description="Replies in one community in seven days; 0: any number.")
    contact_days: int = Field(default=90, ge=0, description="Days in which one person is written to once; 0: no rule.")
    pause_minutes: float = Field(default=3, ge=0, description="Minutes between two replies of one account.")
    pause_jitter: float = Field(default=0.5, ge=0, le=5, description="By how much of itself that pause may be longer.")
    ramp_start: int = Field(default=3, ge=1, description="Replies a day with which a new account begins.")
    ramp_days: int = Field(default=14, ge=0, description="Days until a new account may write as much as an old one.")
    links_in_first: bool = Field(default=False, description="Allow links in the first reply to a person.")
    shorteners: bool = Field(default=False, description="Allow links that hide where they lead.")
    promotional_share: float = Field(
        default=0.1, ge=0, le=1, description="Share of replies with a link or the offer's name from which we warn."
    )
    affiliation: str = Field(
        default="I work on {campaign}.", description="The line that every reply must hold; empty: none is asked for."
    )
    obey_rules: bool = Field(default=True, description="Write nothing where a community's rules forbid promotion.")
    skip_topics: bool = Field(default=True, description="Leave threads alone in which people are in need of help.")
    skip_communities: str = Field(
        default="", description="Communities in which nobody is answered, separated by commas."
    )
    fresh_hours: int = Field(default=48, ge=0, description="Age in hours from which a post is not answered; 0: any.")
    recheck_minutes: int = Field(default=10, ge=0, description="Minutes until we look whether a reply still stands.")
    recheck_hours: int = Field(default=24, ge=0, description="Hours until we look once more.")
    removal_days: int = Field(
        default=30, ge=0, description="Days for which a community is left alone after it took a reply of ours away."
    )


class AccountSettings(BaseModel):
    """The apps by which SDRs connect their own accounts, for replies that are sent from here."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slack_client_id: str | None = Field(default=None, description="Client id of your Slack app.")
    slack_client_secret: SecretStr | None = Field(default=None, description="Client secret of your Slack app.")
    reddit_client_id: str | None = Field(default=None, description="Client id of your approved Reddit web app.")
    reddit_client_secret: SecretStr | None = Field(default=None, description="Client secret of your Reddit app.")
    github_client_id: str | None = Field(default=None, description="Client id of your GitHub OAuth app.")
    github_client_secret: SecretStr | None = Field(default=None, description="Client secret of your GitHub OAuth app.")
    github_oauth_url: HttpUrl = Field(
        default=HttpUrl("https://github.com/login/oauth/"), description="Where GitHub lets somebody connect an account."
    )


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
    credentials_key: SecretStr | None = Field(
        default=None,
        description="Key that encrypts platforms' credentials; default: made once and kept in the home folder.",
    )
    encoder_path: Path | None = Field(
        default=None, description="Folder with the encoder's files; default: the installed package, then the model hub."
    )
    model_path: Path | None = Field(
        default=None,
        description="Folder of a trained model, whatever is activated; default: the champion, else the one shipped.",
    )
    precision: Literal["f32", "bf16", "i8", "native"] = Field(
        default="native",
        description="How the model reckons: f32, bf16, i8, or native: the first of i8, bf16, f32 the processor has.",
    )
    retrain_after: int = Field(
        default=0, ge=0, description="New labels after which a challenger is made and put through the gate; 0: never."
    )
    retrain_config: Path | None = Field(
        default=None,
        description="Configuration of such retraining; default: the shipped one, by which the head learns.",
    )
    mlflow_uri: SecretStr | None = Field(
        default=None,
        description="Where MLflow keeps a copy of each retraining: sqlite:///FILE or a server; default: nowhere.",
    )
    backlog_limit: int = Field(
        default=20_000,
        ge=0,
        description="Posts waiting for the model from which on no source is read until fewer wait; 0: without a limit.",
    )
    host: str = Field(default="127.0.0.1", description="Address the server listens on.")
    port: int = Field(default=8000, ge=0, le=65535, description="Port the server listens on.")
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses and networks of reverse proxies, separated by commas: who asked is what these say.",
    )
    public_url: HttpUrl | None = Field(
        default=None, description="Address at which people reach the pages; default: host and port."
    )
    secure_cookies: bool | None = Field(
        default=None, description="Send the login cookie over HTTPS only; default: if the public address is https."
    )
    session_hours: int = Field(default=72, gt=0, description="Hours until a login ends.")
    idle_hours: int = Field(default=24, ge=0, description="Hours without a page after which a login ends; 0: never.")
    assignment: AssignmentRule = Field(
        default=AssignmentRule.BY_HAND,
        description="Whose lead it becomes when it is promoted: by_hand, round_robin or least_busy.",
    )
    claim_minutes: int = Field(
        default=5, ge=1, le=120, description="Minutes for which a lead that somebody looks at is kept from others."
    )
    time_zone: str = Field(
        default="UTC", description="Time zone of the team, like Europe/Berlin: when its days begin and end."
    )
    mcp_token: SecretStr | None = Field(
        default=None, description="API token with which `overheard mcp` acts: its user's rights, and its scopes."
    )
    log_json: bool = Field(default=False, description="Write the log as JSON lines.")
    http_timeout: float = Field(default=20.0, gt=0, description="Seconds to wait for a platform's answer.")
    allow_private_addresses: bool = Field(
        default=False,
        description="Read feeds and forums, and post to webhooks, on this machine and in private networks too.",
    )
    hackernews: HackerNewsSettings = HackerNewsSettings()
    reddit: RedditSettings = RedditSettings()
    slack: SlackSettings = SlackSettings()
    bluesky: BlueskySettings = BlueskySettings()
    services: ServiceSettings = ServiceSettings()
    accounts: AccountSettings = AccountSettings()
    desk: DeskSettings = DeskSettings()
    replies: ReplySettings = ReplySettings()
    keep: KeepSettings = KeepSettings()
    mail: MailSettings = MailSettings()
    oidc: OidcSettings = OidcSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic's
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What was handed over, the environment, `.env`; in both of these a secret may be the name of a file."""
        secrets = secret_names()
        for source in (env_settings, dotenv_settings):
            if isinstance(source, EnvSettingsSource):
                source.env_vars = with_secret_files(source.env_vars, secrets)
        return init_settings, env_settings, dotenv_settings

    @field_validator("time_zone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (LookupError, ValueError, OSError) as error:  # unknown, a path, the folder of a continent
            raise ValueError(f"{name[:60]!r} is no time zone. Write one like Europe/Berlin") from error
        return name

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: str) -> str:
        for network in filter(None, map(str.strip, networks.split(","))):
            ip_network(network)
        return networks

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the team."""
        return ZoneInfo(self.time_zone)

    @property
    def address(self) -> str:
        """Where people reach the pages, without a slash at the end."""
        return str(self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def sends_secure_cookies(self) -> bool:
        """Whether cookies are kept to HTTPS."""
        return self.address.startswith("https:") if self.secure_cookies is None else self.secure_cookies

    @property
    def effective_database_url(self) -> str:
        """The database's URL, the default filled in."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.database_file.resolve()}"

    @property
    def database_file(self) -> Path:
        """Where the database is, unless a URL says another place."""
        return self.home / "overheard.db"


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


def secret_names() -> list[str]:
    """The settings that are secrets. Each may also be given as `NAME_FILE`, the name of a file that holds it."""
    return [name for name, info in setting_names().items() if "SecretStr" in str(info.annotation)]


def _is_ours(name: str) -> bool:
    return name.upper() in {*setting_names(), *(secret + SUFFIX for secret in secret_names())}
