"""The command line: wires, prints, exits. Imports of rooms stand inside the commands, so that `overheard --help`
does not wait for torch and the web server never loads it.
"""

import sys

import typer
from rich.markup import escape

from cli import (
    audit,
    backup,
    bench,
    campaigns,
    dead_letters,
    deliver,
    demo,
    digests,
    doctor,
    labels,
    listen,
    mcp,
    model,
    models,
    people,
    posts,
    privacy,
    queries,
    replies,
    retrain,
    score,
    send,
    sources,
    work,
    worker,
)
from cli.context import err
from cli.training import MISSING, is_for_training
from overheard.db import TROUBLE, told
from overheard.errors import OverheardError

app = typer.Typer(
    name="overheard",
    help="Find the people who are already asking for what you sell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

app.command("demo")(demo.demo)
app.command("run")(listen.run)
app.command("init")(work.init)
app.command("import")(work.import_file)
app.command("collect")(work.collect)
app.command("classify")(work.classify)
app.command("listen")(listen.listen)
app.command("worker")(worker.worker)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("erase")(privacy.erase)
app.command("erasures")(privacy.erasures)
app.command("export-person")(privacy.export_person)
app.add_typer(audit.app, name="audit")
app.command("digest")(digests.digest)
app.command("deliver")(deliver.deliver)
app.command("sweep")(work.sweep)
app.command("serve")(work.serve)
app.command("mcp")(mcp.mcp)
app.command("check")(work.check)
app.command("doctor")(doctor.doctor)
app.command("send")(send.send)
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(campaigns.app, name="campaigns")
app.add_typer(queries.app, name="query")
app.add_typer(sources.app, name="sources")
app.add_typer(posts.app, name="posts")
app.add_typer(replies.app, name="replies")
app.add_typer(replies.unwanted, name="do-not-contact")
app.add_typer(people.app, name="users")
app.add_typer(labels.app, name="labels")
app.command("login-link")(people.login_link)
app.command("token")(people.token)
app.add_typer(models.app, name="model")
app.command("train")(model.train)
app.command("retrain")(retrain.retrain)
app.command("first-stage")(model.first_stage)
app.command("evaluate")(model.evaluate)
app.command("score")(score.score)
app.add_typer(bench.app, name="bench")
app.command("relevance")(model.relevance)
app.command("needs")(model.needs)


def main() -> None:
    """The door: an error that we know of is one line and exit code 1; everything else is a bug and shows itself."""
    try:
        app()
    except OverheardError as error:
        err.print(f"[red]Error:[/] {escape(str(error))}", soft_wrap=True)
        sys.exit(1)
    except TROUBLE as error:
        err.print(f"[red]Error:[/] {escape(told(error))}", soft_wrap=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if not is_for_training(error):
            raise
        err.print(f"[red]Error:[/] {escape(MISSING)}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
