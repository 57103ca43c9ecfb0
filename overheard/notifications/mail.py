"""Mail goes out: one message, one attempt."""

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from overheard.errors import InvalidInput, OverheardError
from overheard.settings import MailSettings, Settings


class MailRefused(OverheardError):
    """The mail could not be sent."""


def can_send(settings: Settings) -> bool:
    """Whether a server for mail is configured."""
    return settings.mail.host is not None


def send(settings: Settings, *, to: str, subject: str, text: str) -> None:
    """Send a plain text; `MailRefused` when the server did not take it."""
    mail = settings.mail
    if mail.host is None:
        raise InvalidInput("No mail can be sent: OVERHEARD_MAIL__HOST is not set.")
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = mail.sender, to, subject
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="overheard.invalid")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    try:
        with _connected(mail.host, mail, settings.http_timeout) as server:
            if mail.user is not None:
                server.login(mail.user, mail.password.get_secret_value() if mail.password else "")
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise MailRefused(f"The mail server {mail.host} did not take the mail: {type(error).__name__}.") from error


def _connected(host: str, mail: MailSettings, timeout: float) -> smtplib.SMTP:
    if mail.security == "tls":
        return smtplib.SMTP_SSL(host, mail.port, timeout=timeout, context=ssl.create_default_context())
    server = smtplib.SMTP(host, mail.port, timeout=timeout)
    if mail.security == "starttls":
        server.starttls(context=ssl.create_default_context())
    return server
