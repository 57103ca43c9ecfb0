"""What runs for long leaves nothing behind when it is interrupted."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_RUN = """
import os, tempfile, time
from tests.interrupts import end_when_told, side_by_side

def live(number):
    os.write(1, f"{os.getpid()} {tempfile.mkdtemp()}\\n".encode())
    time.sleep(600)

if __name__ == "__main__":
    end_when_told()
    with side_by_side(2) as pool:
        list(pool.map(live, range(20)))
"""


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_interrupted_takes_its_processes_and_folders_with_it(
    told: signal.Signals, tmp_path: Path
) -> None:
    script = tmp_path / "run.py"
    script.write_text(_RUN)
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=root,
        env=os.environ | {"PYTHONPATH": str(root), "TMPDIR": str(tmp_path)},
    ) as run:  # fmt: skip
        assert run.stdout
        begun = [run.stdout.readline().split() for _ in range(2)]
        run.send_signal(told)
        assert run.wait(60) in {128 + signal.SIGTERM, -signal.SIGINT}
    for pid, folder in begun:
        assert not Path(folder).exists()
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
    assert list(tmp_path.iterdir()) == [script]
