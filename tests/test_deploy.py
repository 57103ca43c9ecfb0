"""What sets Overheard up (image, compose, units, scripts, docs/deploy.md) is well-formed and names what there is."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from typer.main import get_command

from cli.main import app
from overheard.secret_files import SUFFIX
from overheard.settings import secret_names, setting_names

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").iterdir())
SCRIPTS = sorted(DEPLOY.glob("*.sh"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")

_SETTING = re.compile(r"OVERHEARD_[A-Z_]+")
_NOT_READ_BY_US = {"OVERHEARD_SITE", "OVERHEARD_UPSTREAM", "OVERHEARD_VERSION"}  # by Caddy, and by compose itself
_BIN = Path(sys.executable).parent


def _passes(*command: str | Path, **environment: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_is_clean() -> None:
    _passes(_BIN / "hadolint", ROOT / "Dockerfile")


def test_the_compose_file_is_of_its_specification() -> None:
    _passes(_BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", ROOT / "compose.yaml")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_understood_by_systemd(unit: Path, tmp_path: Path) -> None:
    for other in UNITS:  # the command is installed elsewhere, and all else is taken as it is
        text = other.read_text(encoding="utf-8").replace("/opt/overheard/.venv/bin/overheard", "/bin/true")
        (tmp_path / other.name).write_text(text)
    _passes("systemd-analyze", "verify", "--man=no", tmp_path / unit.name)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_is_understood_by_the_shell_and_may_be_run(script: Path) -> None:
    _passes("sh", "-n", script)
    assert os.access(script, os.X_OK)


# --- commands and settings that are named ---------------------------------------------------------------------------


def _commands_run() -> Iterator[list[str]]:
    """Every `overheard …` that the image, the compose file, the units and the page have somebody run."""
    for service in COMPOSE["services"].values():
        if service.get("command"):
            yield service["command"]
    for unit in UNITS:
        for line in re.findall(r"^ExecStart=(.*)", unit.read_text(encoding="utf-8"), re.MULTILINE):
            yield shlex.split(line)
    for line in re.findall(r"^CMD \[(.*)\]", DOCKERFILE, re.MULTILINE):
        yield [word.strip('" ') for word in line.split(",")]
    yield ["overheard", *re.findall(r"/bin/overheard ([^\n]*)", DOCKERFILE)[0].split()]
    block = False
    for line in PAGE.splitlines():
        block = block ^ line.startswith("```")
        if block and (found := re.match(r"[#$] (?:docker compose .*?)?(overheard .*)", line)):
            yield shlex.split(found[1])
    for span in re.findall(r"`(?:docker compose [^`]*)?(overheard [^`]*)`", PAGE):
        yield shlex.split(span)


@pytest.mark.parametrize("words", list(_commands_run()), ids=" ".join)
def test_a_command_that_is_run_exists_with_its_options(words: list[str]) -> None:
    command: Any = get_command(app)
    _, *rest = words
    while rest and hasattr(command, "commands"):
        name, *rest = rest
        assert name in command.commands, " ".join(words)
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known


def test_every_setting_that_is_named_exists() -> None:
    files = [ROOT / "Dockerfile", ROOT / "compose.yaml", ROOT / "docs" / "upgrading.md", ROOT / "docs" / "deploy.md"]
    files += [*UNITS, *SCRIPTS, *(DEPLOY / name for name in ("Caddyfile", "nginx.conf"))]
    known = {*setting_names(), *(secret + SUFFIX for secret in secret_names()), *_NOT_READ_BY_US}
    named = {(file.name, name) for file in files for name in _SETTING.findall(file.read_text(encoding="utf-8"))}
    assert {(file, name) for file, name in named if name not in known} == set()


def test_every_file_that_the_page_lays_out_exists() -> None:
    named = set(re.findall(r"/opt/overheard/(deploy/[\w./@-]+)", PAGE)) | set(re.findall(r"deploy/[\w-]+\.sh", PAGE))
    assert len(named) >= 8
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


# --- what the parts say of one another ------------------------------------------------------------------------------


def test_the_secrets_of_compose_are_made_by_the_script_and_fit_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    _passes(DEPLOY / "secrets.sh", folder)
    made = {path.name: path.read_text().strip() for path in folder.iterdir()}
    assert made.keys() == COMPOSE["secrets"].keys()
    assert {secret["file"] for secret in COMPOSE["secrets"].values()} == {f"secrets/{name}" for name in made}
    assert folder.stat().st_mode & 0o077 == 0
    url = sa.make_url(made["database_url"])
    database = COMPOSE["services"]["database"]["environment"]
    assert (url.host, url.password) == ("database", made["postgres_password"])
    assert (url.username, url.database) == (database["POSTGRES_USER"], database["POSTGRES_DB"])
    _passes(DEPLOY / "secrets.sh", folder)
    assert made == {path.name: path.read_text().strip() for path in folder.iterdir()}, "a second time changes nothing"


def test_pages_and_workers_are_given_the_secrets_as_files_and_nothing_by_default() -> None:
    for name in ("web", "worker"):
        service = COMPOSE["services"][name]
        given = {name: value for name, value in service["environment"].items() if name.endswith(SUFFIX)}
        assert sorted(given.values()) == sorted(f"/run/secrets/{secret}" for secret in service["secrets"])
        assert not set(secret_names()) & set(service["environment"])
        assert service["environment"]["OVERHEARD_PUBLIC_URL"].startswith("${OVERHEARD_PUBLIC_URL:?")


def test_one_version_of_postgresql_runs_and_is_backed_up() -> None:
    assert COMPOSE["services"]["database"]["image"] in re.findall(r"^FROM (\S+) AS postgres", DOCKERFILE, re.MULTILINE)


def test_what_the_image_is_made_of_is_let_in_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    assert "*" in lines, "what is not named stays out"
    assert sorted(name for name in let_in if not (ROOT / name).exists()) == []
    assert let_in >= {"constraints.txt", "pyproject.toml", *re.findall(r"deploy/[\w.]+", DOCKERFILE)}
    assert let_in.isdisjoint({".env", "secrets", "var", "tests"})


def test_the_image_is_nobodys_root_and_has_no_torch() -> None:
    assert re.findall(r"^USER (.*)", DOCKERFILE, re.MULTILINE) == ["10001"]
    extras = re.findall(r"^ARG EXTRAS=(.*)", DOCKERFILE, re.MULTILINE)[0].split(",")
    assert not {"train", "dev", "onnx", "cluster"} & set(extras)
