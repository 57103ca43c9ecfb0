"""Commands in processes of their own, as a person starts them, without the second that each would take to import."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from cli import context
from cli.main import main

# A server that has imported the command line, and nothing of pytest, is forked for each command.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])

_PATIENCE = 120.0  # seconds
_WIDTH = 200


def run_command(
    words: Sequence[str], *, environment: Mapping[str, str], cwd: Path, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    """What `overheard` does with these words, nothing but this environment, and what is typed."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "0").write_text(stdin)
        process = _FORKS.Process(target=_run, args=(words, dict(environment), cwd, folder))
        process.start()
        process.join(_PATIENCE)
        if process.exitcode is None:
            process.kill()
            raise TimeoutError(" ".join(words))
        return subprocess.CompletedProcess(
            words, process.exitcode, (folder / "1").read_text(), (folder / "2").read_text()
        )


def _run(words: Sequence[str], environment: Mapping[str, str], cwd: Path, folder: Path) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    for number, mode in enumerate(("r", "w", "w")):
        with (folder / str(number)).open(mode) as file:
            os.dup2(file.fileno(), number)
    sys.stdin = os.fdopen(0, closefd=False)  # multiprocessing has put an empty one there
    sys.path.insert(0, str(cwd))  # as `python -m` does
    sys.argv = ["overheard", *words]
    context.out.width = _WIDTH  # tables whose cells are not broken
    main()
