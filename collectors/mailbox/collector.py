"""The alert mailbox: mails that a keyword service sends become posts. For all that no collector may read.

It only looks: the folder is opened read-only, nothing is marked as read, moved or deleted.
"""

import imaplib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from imap_tools import AND, BaseMailBox, ImapToolsError, MailBox, MailBoxUnencrypted, U
from imap_tools.errors import MailboxFolderSelectError, MailboxLoginError

from collectors.base import Ask, Collector, Found, Page, Reading, Tools, Watched
from collectors.mailbox.mails import read_mail
from overheard.errors import CollectorError
from overheard.listening.intake import Item
from overheard.listening.sources import Pause
from overheard.listening.terms import Terms
from overheard.vocabulary import Platform

_BATCH = 20  # mails of one transaction; an alert may tell of fifty posts
_BACKFILL_DAYS = "7"
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
# What a server says when it refuses a login for now, and not for good.
_BUSY = (b"[unavailable]", b"[inuse]", b"[limit]", b"too many", b"try again", b"temporar")


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Numbers of mails hold as long as the folder's UIDVALIDITY does; the day helps to begin anew when it changes."""

    validity: int
    uid: int
    day: date
    """When all that was there had been read."""

    @classmethod
    def of(cls, text: str | None) -> Self | None:
        if text is None:
            return None
        try:
            validity, uid, day = text.split(":")
            return cls(int(validity), int(uid), date.fromisoformat(day))
        except ValueError as error:
            message = "The cursor of this source is no mailbox's: remove the source and add it again."
            raise CollectorError(message, permanent=True) from error

    def __str__(self) -> str:
        return f"{self.validity}:{self.uid}:{self.day}"


class Mailbox(Collector):
    """Reads one IMAP account."""

    platform = Platform.OTHER
    terms = Terms(
        permission="None: the alerts were sent to you. They tell of Reddit's posts too, which must go here when they "
        "are deleted there, and nobody tells a mailbox: so whatever it brings is kept for 48 hours.",
        retention_hours=48,
    )
    account = (
        Ask("host", "IMAP server, such as imap.gmail.com"),
        Ask("port", "Port", default="993"),
        Ask("user", "User, as a rule the mail address"),
        Ask(
            "password", "App password (made in the account's security settings; not the account's own)", is_secret=True
        ),
    )
    options = (Ask("backfill", "Days back in which the first pass begins", default=_BACKFILL_DAYS),)
    pause = Pause(shortest=60, longest=900)

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._user = tools.secrets.get("user", "")

    def account_name(self) -> str:
        """The address, if its password is good."""
        with self._logged_in():
            return self._user

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The folders, or the one with this name."""
        with self._logged_in() as mailbox:
            names = [folder.name for folder in mailbox.folder.list() if "\\Noselect" not in folder.flags]
        if address is not None and address not in names:
            raise CollectorError(f"There is no folder {address!r}. Folders: {', '.join(names)}", permanent=True)
        return [Found(name, f"{self._user}/{name}") for name in names if address in (None, name)]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """The mails since the last pass, oldest first."""
        today = self._tools.clock().date()
        with self._logged_in() as mailbox:
            validity = _open(mailbox, source.address)
            cursor = _Cursor.of(reading.cursor)
            complete = cursor.day if cursor else today - timedelta(days=_days(source) - 1)
            end = None
            if cursor is not None and cursor.validity == validity:
                # `8:*` is never empty: it holds the last mail, whatever its number.
                uids = [uid for uid in _uids(mailbox, AND(uid=U(str(cursor.uid + 1), "*"))) if uid > cursor.uid]
            else:
                # The server has numbered its mails anew. What we have had comes again, and changes nothing.
                # Asked for first: whatever arrives in between is in the other answer, or comes with the next pass.
                end = max(_uids(mailbox, "ALL"), default=0)
                uids = _uids(mailbox, AND(date_gte=complete - timedelta(days=1)))
            for start in range(0, len(uids), _BATCH):
                batch = uids[start : start + _BATCH]
                left = len(uids) - start - len(batch)
                day = complete if left else today
                yield Page(self._items(mailbox, batch), str(_Cursor(validity, batch[-1], day)), left=left)
            if end is not None:
                yield Page(cursor=str(_Cursor(validity, max([end, *uids]), today)))

    def _items(self, mailbox: BaseMailBox, uids: Sequence[int]) -> list[Item]:
        """One mail at a time: with their attachments, twenty are more than should be held at once."""
        now = self._tools.clock()
        self._tools.meter.count(len(uids))
        mails = mailbox.fetch(uid_list=[str(uid) for uid in uids], mark_seen=False)
        return [item for mail in mails for item in read_mail(mail, now=now)]

    @contextmanager
    def _logged_in(self) -> Iterator[BaseMailBox]:
        """The account, opened; whatever goes wrong while it is becomes a `CollectorError`."""
        secrets = self._tools.secrets
        host = secrets.get("host", "").strip()
        try:
            mailbox = _connect(host, _port(secrets.get("port", "993")), self._tools.settings.http_timeout)
            try:
                yield _login(mailbox, self._user, secrets.get("password", ""))
            finally:
                with suppress(ImapToolsError, imaplib.IMAP4.error, OSError):
                    mailbox.logout()
                with suppress(OSError):  # after a failed logout the library leaves the connection open
                    mailbox.client.shutdown()
        except MailboxLoginError as error:
            raise _refused(error, self._user, host) from error
        except MailboxFolderSelectError as error:
            raise CollectorError(
                "There is no such folder (any more). Add the source with another.", permanent=True
            ) from error
        except (ImapToolsError, imaplib.IMAP4.error, OSError, ValueError, IndexError, UnicodeError) as error:
            # Of the last three: an answer that is no IMAP makes the library stumble in ways of its own.
            raise CollectorError(
                f"The mail server {host} did not answer as it should: {type(error).__name__}."
            ) from error


def _connect(host: str, port: int, timeout: float) -> BaseMailBox:
    """Encrypted, but for a server on this machine: that is a bridge to an encrypted mail service."""
    kind: Callable[..., BaseMailBox] = MailBoxUnencrypted if host in _THIS_MACHINE else MailBox
    return kind(host, port, timeout=timeout)


def _login(mailbox: BaseMailBox, user: str, password: str) -> BaseMailBox:
    login = mailbox.login if (user + password).isascii() else mailbox.login_utf8
    return login(user, password, initial_folder=None)


def _refused(error: MailboxLoginError, user: str, host: str) -> CollectorError:
    told = b" ".join(part for part in error.command_result[1] if isinstance(part, bytes)).lower()
    if any(sign in told for sign in _BUSY):
        return CollectorError(f"The mail server {host} takes no login for now.")
    message = f"{host} refused the login of {user}. Most services want an app password, made in the security settings."
    return CollectorError(message, permanent=True)


def _open(mailbox: BaseMailBox, folder: str) -> int:
    """Open a folder for reading only; its UIDVALIDITY."""
    mailbox.folder.set(folder, readonly=True)
    _, (validity,) = mailbox.client.response("UIDVALIDITY")
    return int(validity or b"")


def _uids(mailbox: BaseMailBox, criteria: AND | str) -> list[int]:
    return sorted(int(uid) for uid in mailbox.uids(criteria))


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 2**16:
        raise CollectorError(f"{text!r} is no port: as a rule it is 993.", permanent=True)
    return int(text)


def _days(source: Watched) -> int:
    value = source.options.get("backfill", _BACKFILL_DAYS)
    if not value.isascii() or not value.isdigit():
        raise CollectorError(f"The option backfill takes a number of days, not {value!r}.", permanent=True)
    return int(value)
