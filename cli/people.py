"""Users, login links and API tokens."""

import sys
from datetime import timedelta
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.table import Table
from sqlalchemy.orm import Session

from cli.context import clock, err, out, start
from overheard.errors import InvalidInput
from overheard.models import User
from overheard.users import accounts, audit
from overheard.vocabulary import AuditAction, Role, Scope

app = typer.Typer(help="Who may work here.", no_args_is_help=True)


@app.command("add")
def add(
    email: str,
    *,
    name: Annotated[str, typer.Option(help="How the person is called on pages.")],
    role: Annotated[Role, typer.Option(help="What the person may do.")] = Role.SDR,
) -> None:
    """Add a user. The password is asked for, or read from standard input when that is no terminal."""
    context = start()
    password = ask_password()
    with context.typed.begin() as session:
        user = accounts.add_user(session, email=email, name=name, role=role, password=password, now=clock())
        _record(session, AuditAction.USER_INVITED, user, f"as {role.value}")
        out.print(f"Added {user.name} ({user.email}, {user.role}).")


@app.command("password")
def password(email: str) -> None:
    """Give a user a new password and end their logins. Asked for, or read from standard input."""
    context = start()
    word = ask_password()
    with context.typed.begin() as session:
        user = accounts.user_by_email(session, email)
        accounts.set_password(session, user, word)
        _record(session, AuditAction.PASSWORD_CHANGED, user)
        out.print(f"Changed the password of {email} and ended their logins.")


@app.command("list")
def list_users() -> None:
    """List all users."""
    table = Table("e-mail", "name", "role", box=None)
    with start().sessions() as session:
        for user in session.scalars(sa.select(User).order_by(User.email)):
            table.add_row(user.email, user.name, user.role)
    out.print(table)


def login_link(
    email: str,
    *,
    port: Annotated[int | None, typer.Option(help="Port of the server; default: OVERHEARD_PORT.")] = None,
) -> None:
    """Print a link that logs a user in once, within the hour."""
    context = start()
    with context.typed.begin() as session:
        user = accounts.user_by_email(session, email)
        secret = accounts.make_login_link(session, user, now=clock())
        _record(session, AuditAction.LOGIN_LINK_MADE, user)
    settings = context.settings if port is None else context.settings.model_copy(update={"port": port})
    out.print(f"{settings.address}/login/{secret.token}", soft_wrap=True)


def token(
    email: str,
    *,
    name: Annotated[str, typer.Option(help="What the token is for.")] = "command line",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it may be used for; can be given several times; default: all.")
    ] = None,
    expires: Annotated[int | None, typer.Option(help="Days until it ends; default: never.", min=1)] = None,
) -> None:
    """Print a new API token with the rights of a user. It is shown once and kept only as a hash."""
    lifetime = timedelta(days=expires) if expires else None
    with start().typed.begin() as session:
        user = accounts.user_by_email(session, email)
        scopes = scope or list(Scope)
        secret = accounts.make_token(session, user, name=name, lifetime=lifetime, scopes=scopes, now=clock())
    out.print(secret.token, soft_wrap=True)


def _record(session: Session, action: AuditAction, user: User, detail: str = "") -> None:
    audit.record(session, None, action, audit.user_named(user), detail, now=clock())


def ask_password() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    word = sys.stdin.readline().rstrip("\r\n")
    if not word:
        err.print("Give the password on standard input.")
        raise InvalidInput("No password was given.")
    return word
