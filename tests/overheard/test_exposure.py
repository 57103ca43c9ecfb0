import pytest

from overheard.errors import InvalidInput
from overheard.exposure import is_local, refuse_what_anybody_could_guess
from overheard.settings import Settings

_EVERYWHERE = "0.0.0.0"  # noqa: S104 - what a container listens at
_KEY = "tV3k9QmZp1xW8rYb6NcJ4hGd2LfS7aUe"
_HTTPS = {"public_url": "https://leads.example.com"}


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),  # noqa: S104
        ("::", False),
        ("10.0.0.4", False),
        ("leads.example.com", False),
    ],
)
def test_an_address_of_this_machine_alone_is_told_from_others(host: str, *, local: bool) -> None:
    assert is_local(host) is local


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"secret_key": "short"}, "OVERHEARD_SECRET_KEY is short or an example"),
        ({"secret_key": "changeme" * 8}, "OVERHEARD_SECRET_KEY is short or an example"),
        ({"credentials_key": "0" * 44}, "OVERHEARD_CREDENTIALS_KEY is short or an example"),
        ({"database_url": "postgresql://overheard:overheard@db/overheard"}, "the password in OVERHEARD_DATABASE_URL"),
        ({"database_url": "postgresql://overheard:ChangeMe@db/overheard"}, "the password in OVERHEARD_DATABASE_URL"),
        ({"database_url": "postgresql://overheard:@db/overheard"}, "the password in OVERHEARD_DATABASE_URL"),
        ({"mail": {"password": "password"}}, "OVERHEARD_MAIL__PASSWORD is an example"),
        ({"oidc": {"client_secret": "secret"}}, "OVERHEARD_OIDC__CLIENT_SECRET is an example"),
    ],
)
def test_what_anybody_could_guess_serves_this_machine_alone(given: dict[str, object], reason: str) -> None:
    refuse_what_anybody_could_guess(Settings.model_validate(given), "127.0.0.1")
    behind_a_proxy = Settings.model_validate(_HTTPS | given)
    for host in ("127.0.0.1", _EVERYWHERE):
        with pytest.raises(InvalidInput, match=f"^Other machines can reach https://leads.example.com, .*: {reason}"):
            refuse_what_anybody_could_guess(behind_a_proxy, host)


def test_passwords_do_not_travel_unencrypted_unless_somebody_says_so() -> None:
    for unsafe in ({}, {"public_url": "http://leads.example.com"}, {"secure_cookies": True}):
        with pytest.raises(InvalidInput, match="would travel unencrypted"):
            refuse_what_anybody_could_guess(Settings.model_validate(unsafe), _EVERYWHERE)
    for said in (_HTTPS, {"secure_cookies": False}):
        refuse_what_anybody_could_guess(Settings.model_validate(said), _EVERYWHERE)


def test_real_secrets_are_served_to_others() -> None:
    given = {
        "secret_key": _KEY,
        "credentials_key": _KEY,
        "database_url": f"postgresql://overheard:{_KEY}@db/overheard",
        "mail": {"password": _KEY},
        "oidc": {"client_secret": _KEY, "client_id": "overheard"},
    }
    refuse_what_anybody_could_guess(Settings.model_validate(_HTTPS | given), _EVERYWHERE)
    peer = {"database_url": "postgresql:///overheard"}  # the socket says who it is, there is no password
    refuse_what_anybody_could_guess(Settings.model_validate(_HTTPS | peer), _EVERYWHERE)
