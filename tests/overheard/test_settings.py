import json
import logging
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from overheard.errors import InvalidInput, OverheardError
from overheard.home import prepare_home, secret_key
from overheard.log import JsonFormatter, configure_log
from overheard.settings import Settings, read_settings, secret_names, setting_names


def test_the_default_database_is_a_file_at_home(tmp_path: Path) -> None:
    assert Settings(home=tmp_path).effective_database_url == f"sqlite:///{tmp_path}/overheard.db"


def test_a_setting_that_is_none_of_ours_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERHEARD_PROT", "8001")
    with pytest.raises(InvalidInput, match="OVERHEARD_PROT is no setting"):
        read_settings()


def test_a_value_that_cannot_be_taken_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERHEARD_PORT", "99999")
    with pytest.raises(InvalidInput, match="OVERHEARD_PORT cannot be taken"):
        read_settings()


@pytest.mark.parametrize("name", ["Europe/Atlantis", "../zone", "Europe", ""])
def test_the_time_zone_of_the_team_is_one_that_there_is(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("OVERHEARD_TIME_ZONE", name)
    with pytest.raises(InvalidInput, match=r"OVERHEARD_TIME_ZONE cannot be taken: .* is no time zone"):
        read_settings()


def test_nested_settings_have_their_own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERHEARD_HACKERNEWS__BACKFILL", "7")
    assert read_settings().hackernews.backfill == 7
    assert "OVERHEARD_HACKERNEWS__BACKFILL" in setting_names()


@pytest.mark.parametrize(
    ("public", "chosen", "expected"),
    [
        (None, None, False),
        ("http://overheard.example", None, False),
        ("https://overheard.example", None, True),
        ("https://overheard.example", False, False),
        (None, True, True),
    ],
)
def test_cookies_are_kept_to_https_where_the_public_address_is(
    public: str | None, *, chosen: bool | None, expected: bool
) -> None:
    settings = Settings.model_validate({"public_url": public, "secure_cookies": chosen})
    assert settings.sends_secure_cookies is expected
    assert settings.address == (public or "http://127.0.0.1:8000")


def test_settings_do_not_change() -> None:
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERHEARD_DATABASE_URL", "postgresql://u:topsecret@h/d")
    settings = read_settings()
    assert "topsecret" not in repr(settings) + str(settings.model_dump())
    assert settings.effective_database_url.endswith("topsecret@h/d")


def test_the_secret_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    key = secret_key(settings)
    assert len(key) >= 40
    assert secret_key(settings) == key
    assert stat.S_IMODE((tmp_path / "home" / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "home").iterdir()] == ["secret_key"]


def test_a_secret_key_in_the_settings_is_used(tmp_path: Path) -> None:
    settings = Settings.model_validate({"home": tmp_path, "secret_key": "given"})
    assert secret_key(settings) == "given"
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OverheardError, match=r"cannot be made: .* Set OVERHEARD_HOME"):
        prepare_home(Settings(home=tmp_path / "file" / "home"))


def test_a_log_line_has_a_sentence_for_people_and_a_key_for_machines() -> None:
    record = logging.makeLogRecord({"msg": "Stored %d posts", "args": (3,), "action": "stored", "levelname": "INFO"})
    line = json.loads(JsonFormatter().format(record))
    assert (line["message"], line["action"], line["level"]) == ("Stored 3 posts", "stored", "info")


def test_a_log_line_carries_the_exception(capsys: pytest.CaptureFixture[str]) -> None:
    configure_log(as_json=True)
    try:
        int("no")
    except ValueError:
        logging.getLogger("x").exception("Failed")
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert "ValueError: invalid literal" in line["exception"]
    logging.getLogger().handlers.clear()


# --- secrets in files ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", secret_names())
def test_every_secret_may_be_kept_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_text("from-a-file\n")
    monkeypatch.setenv(f"{name}_FILE", str(tmp_path / "secret"))
    value: object = read_settings()
    for part in name.removeprefix("OVERHEARD_").lower().split("__"):
        value = getattr(value, part)
    assert isinstance(value, SecretStr)
    assert value.get_secret_value() == "from-a-file"


def test_a_secret_in_a_file_stands_beside_its_group_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("from-a-file")
    (tmp_path / ".env").write_text(f"OVERHEARD_MAIL__PASSWORD_FILE={tmp_path}/secret\nOVERHEARD_MAIL__USER=rye\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OVERHEARD_MAIL__HOST", "mail.example")
    mail = read_settings().mail
    assert mail.password is not None
    assert (mail.host, mail.user, mail.password.get_secret_value()) == ("mail.example", "rye", "from-a-file")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "names .*secret, which cannot be read: No such file or directory"),
        (b" \n", "names .*secret, which is empty"),
        (b"\xff\xfe", "names .*secret, which is no text"),
    ],
)
def test_a_file_that_holds_no_secret_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("OVERHEARD_DATABASE_URL_FILE", str(tmp_path / "secret"))
    with pytest.raises(InvalidInput, match=f"^OVERHEARD_DATABASE_URL_FILE {reason}"):
        read_settings()


def test_a_secret_is_not_given_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file")
    monkeypatch.setenv("OVERHEARD_SECRET_KEY_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("OVERHEARD_SECRET_KEY", "from-the-environment")
    with pytest.raises(InvalidInput, match="OVERHEARD_SECRET_KEY and OVERHEARD_SECRET_KEY_FILE are both set"):
        read_settings()


def test_what_is_no_secret_is_not_read_from_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERHEARD_PORT_FILE", "/run/port")
    with pytest.raises(InvalidInput, match="OVERHEARD_PORT_FILE is no setting"):
        read_settings()


def test_a_proxy_that_may_be_trusted_is_an_address_or_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OVERHEARD_TRUSTED_PROXIES", "127.0.0.1, 10.1.0.0/16")
    read_settings()
    monkeypatch.setenv("OVERHEARD_TRUSTED_PROXIES", "*")
    with pytest.raises(InvalidInput, match="OVERHEARD_TRUSTED_PROXIES cannot be taken"):
        read_settings()
