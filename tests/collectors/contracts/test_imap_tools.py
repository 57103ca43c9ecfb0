"""What imap-tools does that we had to find out. If a new version does otherwise: `collectors/mailbox/collector.py`."""

import imaplib
from collections.abc import Iterator

import pytest
from imap_tools import AND, MailBoxUnencrypted, MailMessage, U
from imap_tools.errors import MailboxLoginError

from tests.collectors.mails import mail
from tests.fakeworld.imap import Mailserver


@pytest.fixture
def server() -> Iterator[Mailserver]:
    server = Mailserver()
    with server.serve():
        yield server


def connect(server: Mailserver) -> MailBoxUnencrypted:
    return MailBoxUnencrypted("127.0.0.1", server.port, timeout=5)


def test_asking_for_all_after_the_last_mail_gives_the_last_mail(server: Mailserver) -> None:
    last = server.inbox.add(mail("Hello"))
    with connect(server) as mailbox:
        mailbox.login(server.user, server.password, initial_folder=None)
        mailbox.folder.set("INBOX", readonly=True)
        assert mailbox.uids(AND(uid=U(str(last + 1), "*"))) == [str(last)]


def test_a_login_opens_the_inbox_for_writing_unless_it_is_told_not_to(server: Mailserver) -> None:
    mailbox = connect(server)
    with pytest.raises(Exception, match="BAD"):
        mailbox.login(server.user, server.password)
    mailbox.client.shutdown()
    assert any(command.startswith("SELECT") for command in server.commands)


def test_a_refused_login_carries_the_servers_words_and_leaves_the_connection_open(server: Mailserver) -> None:
    mailbox = connect(server)
    with pytest.raises(MailboxLoginError) as caught:
        mailbox.login(server.user, "wrong", initial_folder=None)
    assert b"[AUTHENTICATIONFAILED]" in caught.value.command_result[1][0]
    mailbox.logout()


def test_a_logout_that_fails_leaves_the_socket_to_the_garbage(server: Mailserver) -> None:
    server.faults["LOGOUT"] = [None]
    mailbox = connect(server)
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        mailbox.logout()
    assert mailbox.client.sock.fileno() > 0
    mailbox.client.shutdown()
    assert mailbox.client.sock.fileno() == -1


def test_a_date_that_cannot_be_read_is_in_1900() -> None:
    assert MailMessage.from_bytes(b"Date: someday\r\n\r\nHello").date.year == 1900
