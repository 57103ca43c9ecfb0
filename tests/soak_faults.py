"""What happens to processes, to their clock and to the disk in `make soak-workers`."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Self

_LIBFAKETIME = "faketime/libfaketimeMT.so.1"
_MEGABYTE = bytes(1 << 20)
_ROOM = 2_000  # megabytes of the disk that PostgreSQL has, where one can be made


@dataclass
class Process:
    """A process of ours that is started again whenever it ends."""

    words: list[str]
    environment: dict[str, str]
    log: Path
    running: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Begin, or begin again."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "cli", *self.words]
            self.running = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def hit(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.running is not None and self.running.poll() is None:
            self.running.send_signal(number)

    def end(self, *, within: float) -> float:
        """Ask it to end; how many seconds that took."""
        if self.running is None:
            return 0.0
        began = time.monotonic()
        self.hit(signal.SIGCONT)
        self.hit(signal.SIGTERM)
        self.running.wait(within)
        return time.monotonic() - began


@dataclass(frozen=True)
class Clock:
    """The clock of one machine, which can be set; by libfaketime (Debian's package `faketime`)."""

    library: Path
    file: Path

    @classmethod
    def found(cls, folder: Path) -> Self | None:
        """None where the library is not installed."""
        library = next(Path("/usr/lib").glob(f"*/{_LIBFAKETIME}"), None)
        if library is None:
            return None
        clock = cls(library, folder / "clock")
        clock.move(0)
        return clock

    def environment(self) -> dict[str, str]:
        """What a process needs to have this clock. As with a real one, what is measured by it alone moves."""
        return {
            "LD_PRELOAD": str(self.library),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def move(self, seconds: int) -> None:
        """How far it is ahead from now on."""
        self.file.write_text(f"{seconds:+d}")


@dataclass(frozen=True)
class Disk:
    """One that holds nothing but a folder, and can be filled."""

    folder: Path

    @classmethod
    @contextmanager
    def of(cls, folder: Path) -> "Iterator[Disk | None]":
        """None where none can be made: it takes the right to mount."""
        command = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}m", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            yield None
            return
        try:
            yield cls(folder)
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)  # noqa: S607

    def fill(self) -> None:
        """To the last byte."""
        with suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as file:
            while True:
                file.write(_MEGABYTE)

    def make_room(self) -> None:
        """As it was."""
        (self.folder / "ballast").unlink(missing_ok=True)


class Faults:
    """What happens."""

    def __init__(
        self,
        workers: list[Process],
        web: Process,
        server: Any,  # noqa: ANN401 - untyped
        rng: Random,
        *,
        disk: Disk | None,
        clock: Clock | None,
    ) -> None:
        self._workers, self._web, self._server, self._rng = workers, web, server, rng
        self._disk, self._clock = disk, clock
        self.counts: Counter[str] = Counter()
        self._timers: list[threading.Timer] = []

    def strike(self) -> None:
        """One of them."""
        kinds: dict[Callable[[], None], int] = {
            self._kill_worker: 6,
            self._kill_web: 2,
            self._stop_worker: 2,
            self._kill_postgres: 1,
            self._move_clock: 2 if self._clock else 0,
            self._fill_disk: 1 if self._disk else 0,
        }
        (fault,) = self._rng.choices(list(kinds), list(kinds.values()))
        fault()
        self.counts[fault.__name__.strip("_").replace("_", " ")] += 1

    def left_out(self) -> list[str]:
        """What cannot happen here, and what it needs."""
        clock = [] if self._clock else ["a moved clock, which needs libfaketime (apt install faketime)"]
        return clock + ([] if self._disk else ["a full disk, which needs the right to mount one"])

    def _kill_worker(self) -> None:
        self._kill(self._rng.choice(self._workers))

    def _kill_web(self) -> None:
        self._kill(self._web)

    def _kill(self, process: Process) -> None:
        process.hit(signal.SIGKILL)
        if process.running is not None:
            process.running.wait(10)
        self._later(self._rng.uniform(0, 5), process.start)

    def _stop_worker(self) -> None:
        worker = self._rng.choice(self._workers)
        worker.hit(signal.SIGSTOP)
        self._later(self._rng.uniform(10, 60), lambda: worker.hit(signal.SIGCONT))

    def _kill_postgres(self) -> None:
        os.kill(self._server.get_pid(), signal.SIGKILL)
        time.sleep(2.0)  # its children notice
        self._server.ensure_postgres_running()

    def _move_clock(self) -> None:
        if self._clock:
            self._clock.move(self._rng.choice((-3600, -300, -60, 60, 300, 3600)))
            self._later(self._rng.uniform(10, 60), lambda clock=self._clock: clock.move(0))  # type: ignore[misc]

    def _fill_disk(self) -> None:
        if self._disk is None:
            return
        self._disk.fill()
        time.sleep(self._rng.uniform(5, 15))
        self._disk.make_room()
        self._server.ensure_postgres_running()  # without room for its log it gives up

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._timers.append(timer := threading.Timer(seconds, act))
        timer.start()

    def over(self) -> None:
        """Whoever was stopped or killed goes on."""
        for timer in self._timers:
            timer.join()

    def drop(self) -> None:
        """What was still to come does not; whoever was stopped or killed stays so."""
        for timer in self._timers:
            timer.cancel()
