"""Builds what the image carries, without Docker: `make image-size` runs the build stage of the Dockerfile in a folder
and says how large the outcome is. Installing Debian's packages is left out.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "dist" / "image"


def build_stage() -> list[str]:
    """The commands of the stage called build, one line each."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    stage = text.partition(" AS build\n")[2].partition("\nFROM ")[0]
    lines = re.sub(r"\\\n\s*", "", stage).splitlines()
    runs = [re.sub(r"^RUN (--mount=\S+ )*", "", line) for line in lines if line.startswith("RUN ")]
    return [run for run in runs if not run.startswith("apt-get")]


def _copy_what_is_let_in(to: Path) -> None:
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[0] == "!"]
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *let_in]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    for name in filter(None, told.stdout.split("\0")):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to / name, follow_symlinks=False)


def _here(command: str) -> str:
    """With the folders of the image inside of ours."""
    return re.sub(r"(?<![\w.$/])/(opt|dist|tmp)(?=[/ ])", rf"{FOLDER}/\1", command)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    source = FOLDER / "src"
    _copy_what_is_let_in(source)
    extras = re.findall(r"^ARG EXTRAS=(.*)", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)[0]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OVERHEARD_")}
    for command in map(_here, build_stage()):
        _say(f"$ {command}")
        done = subprocess.run(
            ["/bin/sh", "-ec", command], cwd=source, env=environment | {"EXTRAS": extras}, check=False
        )
        if done.returncode:
            sys.exit(done.returncode)
    packages = FOLDER / "opt" / "overheard" / "lib" / "python3.11" / "site-packages"
    files = [path for path in packages.rglob("*") if path.is_file() and not path.is_symlink()]
    sizes: dict[str, int] = {}
    for file in files:
        part = file.relative_to(packages).parts[0]
        sizes[part] = sizes.get(part, 0) + file.stat().st_size
    for part, size in sorted(sizes.items(), key=lambda one: -one[1])[:12]:
        _say(f"{size / 1e6:7.1f} MB  {part}")
    _say(f"{sum(sizes.values()) / 1e6:7.1f} MB  all packages")


if __name__ == "__main__":
    main()
