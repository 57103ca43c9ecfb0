"""A small IMAP server on loopback: folders of mails, of which it shows what a client may see without changing anything.

It knows LOGIN, LIST, EXAMINE, UID SEARCH, UID FETCH and LOGOUT. SELECT, STORE and whatever else would change a mail is
answered with BAD, and a fetch that would mark one as read fails the test.
"""

import re
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Thread
from typing import ClassVar

from tests.fakeworld.model import NOW

_COMMAND = re.compile(rb"(?P<tag>\S+) (?P<name>UID \w+|\w+) ?(?P<rest>.*)")


@dataclass
class Folder:
    """Mails by their number."""

    validity: int = 1
    mails: dict[int, tuple[date, bytes]] = field(default_factory=dict)
    next_uid: int = 1

    def add(self, raw: bytes, *, at: datetime = NOW) -> int:
        """A mail arrives; its number."""
        uid, self.next_uid = self.next_uid, self.next_uid + 1
        self.mails[uid] = (at.date(), raw)
        return uid

    def renumber(self) -> None:
        """As after a server has moved: the same mails, other numbers, and a new UIDVALIDITY."""
        kept = list(self.mails.values())
        self.validity += 1
        self.mails = {100 + number: mail for number, mail in enumerate(kept)}
        self.next_uid = 100 + len(kept)


@dataclass
class Mailserver:
    """One account."""

    user: str = "alerts@example.org"
    password: str = "app-password"
    folders: dict[str, Folder] = field(default_factory=lambda: {"INBOX": Folder()})
    faults: dict[str, list[bytes | None]] = field(default_factory=dict)
    """What the next commands of a name are answered with, in place of the answer; None: a reset."""
    arriving: list[tuple[bytes, datetime]] = field(default_factory=list)
    """Mails that arrive, one before each command is answered, so that some do while somebody reads."""
    commands: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def inbox(self) -> Folder:
        return self.folders["INBOX"]

    def arrive(self) -> None:
        """The next mail that is on its way is here."""
        raw, at = self.arriving.pop(0)
        self.inbox.add(raw, at=at)

    @contextmanager
    def serve(self) -> Iterator[None]:
        """It is there while the block runs."""

        class Connection(_Connection):
            account = self

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection) as server:
            server.daemon_threads = True
            self.port = server.server_address[1]
            thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


class _Connection(socketserver.StreamRequestHandler):
    account: ClassVar[Mailserver]
    disable_nagle_algorithm = True  # or each answer of two parts would wait for the client's silence

    def handle(self) -> None:
        """Until the client hangs up, or we do."""
        self.folder = Folder()
        self.say(b"* OK here")
        while line := self.rfile.readline():
            command = _COMMAND.fullmatch(line.strip())
            assert command, line
            name = command["name"].decode().upper()
            self.account.commands.append(f"{name} {command['rest'].decode('latin-1')}")
            if self.account.arriving:
                self.account.arrive()
            faults = self.account.faults.get(name)
            if faults:
                fault = faults.pop(0)
                if fault is None:
                    return
                self.wfile.write(fault.replace(b"TAG", command["tag"]))
                continue
            answer = self.answer(name, command["rest"])
            self.say(command["tag"] + b" " + answer)
            if name == "LOGOUT":
                return

    def say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")

    def answer(self, name: str, rest: bytes) -> bytes:
        match name:
            case "CAPABILITY":
                self.say(b"* CAPABILITY IMAP4rev1")
            case "LOGIN":
                if rest.decode() != f'"{self.account.user}" "{self.account.password}"':
                    return b"NO [AUTHENTICATIONFAILED] Invalid credentials"
            case "LIST":
                for folder in self.account.folders:
                    self.say(f'* LIST (\\HasNoChildren) "/" "{folder}"'.encode())
            case "EXAMINE":
                return self.examine(rest.decode().strip('"'))
            case "UID SEARCH":
                uids = " ".join(str(uid) for uid in self.search(rest.decode()))
                self.say(f"* SEARCH {uids}".encode())
            case "UID FETCH":
                self.fetch(rest.decode())
            case "LOGOUT":
                self.say(b"* BYE")
            case _:
                return b"BAD not here"
        return b"OK done"

    def examine(self, name: str) -> bytes:
        if name not in self.account.folders:
            return b"NO no such folder"
        self.folder = self.account.folders[name]
        self.say(f"* {len(self.folder.mails)} EXISTS".encode())
        self.say(f"* OK [UIDVALIDITY {self.folder.validity}] as ever".encode())
        return b"OK [READ-ONLY] done"

    def search(self, criteria: str) -> list[int]:
        uids = sorted(self.folder.mails)
        if since := re.search(r"SINCE (\S+?)\)", criteria):
            first = datetime.strptime(since[1], "%d-%b-%Y").date()  # noqa: DTZ007 - a day
            return [uid for uid in uids if self.folder.mails[uid][0] >= first]
        if after := re.search(r"UID (\d+):\*", criteria):
            return [uid for uid in uids if uid >= int(after[1])] or uids[-1:]
        assert criteria.endswith("ALL"), criteria
        return uids

    def fetch(self, rest: str) -> None:
        uids, _, parts = rest.partition(" ")
        assert "BODY.PEEK[]" in parts, "this would mark the mail as read"
        for uid in uids.split(","):
            if int(uid) in self.folder.mails:
                _, raw = self.folder.mails[int(uid)]
                self.wfile.write(f"* 1 FETCH (UID {uid} BODY[] {{{len(raw)}}}\r\n".encode() + raw)
                self.say(f" FLAGS () RFC822.SIZE {len(raw)})".encode())
