import re
import threading
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from sqlalchemy.engine import Engine

from overheard.db import Sessions, make_engine, make_reading_sessions, make_sessions, migration_config, upgrade
from overheard.errors import OverheardError
from overheard.models import Base, Campaign, Query
from overheard.query_language import PostText, read
from overheard.text import normalise
from overheard.vocabulary import Platform, PostKind
from tests.conftest import create_postgres_database
from tests.factories import make_campaign


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    """A database without any table."""
    if request.param == "sqlite":
        return make_engine(f"sqlite:///{tmp_path / 'empty.db'}")
    server: str = request.getfixturevalue("postgres_server")
    return make_engine(create_postgres_database(server, f"empty_{tmp_path.name}"))


def test_the_migrations_lead_to_the_tables_of_the_code_and_back(empty: Engine) -> None:
    upgrade(empty)
    with empty.connect() as connection, connection.begin():
        config = migration_config(connection)
        command.check(config)
        command.downgrade(config, "base")
    with empty.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["alembic_version"]
    upgrade(empty)
    empty.dispose()


def test_an_upgrade_from_before_meaning_keeps_every_campaign_as_it_was(empty: Engine, now: datetime) -> None:
    with empty.connect() as connection, connection.begin():
        command.upgrade(migration_config(connection), "0003")
        rows = {"name": "Rye CRM", "offer": "A small CRM.", "created_at": now}
        connection.execute(
            sa.text("INSERT INTO campaigns (name, offer, created_at) VALUES (:name, :offer, :created_at)"), rows
        )
    upgrade(empty)
    with make_sessions(empty)() as session:
        campaign = session.scalars(sa.select(Campaign)).one()
        assert (campaign.name, campaign.offer, campaign.meaning_threshold) == ("Rye CRM", "A small CRM.", None)
    empty.dispose()


_PLACE = (Platform.REDDIT, PostKind.SUBMISSION, "en")
_TOKEN = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))')


def _met_formerly(expression: str, text: str) -> bool:
    """The first form of the language: whole words and phrases, all of which must occur, but for those with a minus."""
    for token in _TOKEN.finditer(expression):
        if token["word"] == "*" and not token["minus"]:
            continue
        words = normalise(token["word"] if token["phrase"] is None else token["phrase"]).text.split()
        pattern = r"\s+".join(map(re.escape, words))
        if bool(re.search(rf"(?<!\w){pattern}(?!\w)", normalise(text).text)) is bool(token["minus"]):
            return False
    return True


_FORMER = """crm
CRM -hiring
"looking for" crm -"job offer"
* -spam
ryecrm.com
Node.js -sub.domain.example
c++ -c#
near/5 onear/3 b
OR else
NOT now -AND
title:foo
-note:this *
http://x.example
(small) shop
~booking -~hall
${brands}
`c` a/b
f*ck -sh*t
"best * tool"
"a OR b" -"(x)"
$99 100% @rye #hash""".splitlines()
_SAID = """CRM|looking for a crm|crm job offer|crm, hiring|spam|ryecrm.com|ryecrm[.]com|my-ryecrm.com
hxxp ryecrm (dot) com|node.js|node[.]js|node.js at sub.domain.example
c++|c++ c#|c|near/5 and onear/3 b|near 5 b|or else|else|not now|now
not now and later|title:foo|foo|note:this|this note|http://x.example|https://x.example|x.example|(small) shop|small shop
~booking|~booking ~hall|bookings|${brands}|brands|`c` a/b|c a b|f*ck|F*CK this|fork|f*ck sh*t|f*ck shut|best * tool
best free tool|A or B|a or b (x)|a b|$99 100% @rye #hash|99 100 rye hash""".replace("\n", "|").split("|")


def test_a_query_saved_in_the_former_form_means_the_same_ever_after(empty: Engine, now: datetime) -> None:
    with empty.connect() as connection, connection.begin():
        command.upgrade(migration_config(connection), "0008")
        campaign = "INSERT INTO campaigns (id, name, offer, created_at) VALUES (1, 'Rye', 'A CRM.', :now)"
        connection.execute(sa.text(campaign), {"now": now})
        query = "INSERT INTO queries (campaign_id, name, version, expression, created_at) VALUES (1, :e, 1, :e, :now)"
        connection.execute(sa.text(query), [{"e": one, "now": now} for one in _FORMER])
    upgrade(empty)
    with make_sessions(empty)() as session:
        kept = {name: read(now_says) for name, now_says in session.execute(sa.select(Query.name, Query.expression))}
    for former in _FORMER:
        finds = {said for said in _SAID if kept[former].find(PostText("", said, "ann", "r/b", *_PLACE)) is not None}
        assert finds == {said for said in _SAID if _met_formerly(former, said)}, former
        assert finds, former
    empty.dispose()


def test_a_phrase_in_the_marks_of_typesetters_can_be_read_ever_after(empty: Engine, now: datetime) -> None:
    """As its writer meant it: these marks stood for themselves, and what they enclosed was no phrase."""
    with empty.connect() as connection, connection.begin():
        command.upgrade(migration_config(connection), "0008")
        campaign = "INSERT INTO campaigns (id, name, offer, created_at) VALUES (1, 'Rye', 'A CRM.', :now)"
        connection.execute(sa.text(campaign), {"now": now})
        query = "INSERT INTO queries (campaign_id, name, version, expression, created_at) VALUES (1, :e, 1, :e, :now)"
        connection.execute(sa.text(query), {"e": "“small shops” crm", "now": now})
    upgrade(empty)
    with make_sessions(empty)() as session:
        assert session.scalars(sa.select(Query.expression)).one() == '"small" "shops" crm'
    empty.dispose()


_BY_MAIL_AND_TO_SLACK = [
    "INSERT INTO users (id, email, name, role, created_at) VALUES (7, 's@example.org', 'Sam', 'sdr', :now)",
    """INSERT INTO alert_rules (id, user_id, name, rhythm, way, hour, with_text, changed_at, paused_at) VALUES
    (3, 7, 'Hot', 'instant', 'mail', 9, false, :now, :now), (4, 7, 'Us', 'instant', 'slack', 9, false, :now, NULL)""",
    """INSERT INTO outbound_deliveries (id, key, event, rule_id, at, state, next_at, attempts) VALUES
    (5, 'm', 'alert.leads', 3, :now, 'pending', :now, 1), (6, 's', 'alert.leads', 4, :now, 'pending', :now, 1)""",
]


def test_who_was_told_by_mail_before_others_could_be_is_told_as_before(empty: Engine, now: datetime) -> None:
    """And a pause, a delivery under way and what was told stay what they were, up and down."""
    with empty.connect() as connection, connection.begin():
        config = migration_config(connection)
        command.upgrade(config, "0024")
        for statement in _BY_MAIL_AND_TO_SLACK:
            connection.execute(sa.text(statement), {"now": now})
        command.upgrade(config, "0025")
        told = connection.execute(sa.text("SELECT rule_id, user_id, paused_at IS NOT NULL FROM alert_recipients"))
        assert [tuple(row) for row in told] == [(3, 7, True)]
        kept = connection.execute(sa.text("SELECT id, recipient_id IS NOT NULL FROM outbound_deliveries ORDER BY id"))
        assert [tuple(row) for row in kept] == [(5, True), (6, False)]
        command.downgrade(config, "0024")
        paused = connection.execute(sa.text("SELECT id FROM alert_rules WHERE paused_at IS NOT NULL"))
        assert [tuple(row) for row in paused] == [(3,)]
        assert connection.scalar(sa.text("SELECT count(*) FROM outbound_deliveries")) == 2
    empty.dispose()


def test_two_processes_may_upgrade_at_once(empty: Engine) -> None:
    errors: list[Exception] = []

    def run() -> None:
        engine = make_engine(empty.url.render_as_string(hide_password=False))
        try:
            upgrade(engine)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must show it
            errors.append(error)
        engine.dispose()

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    with empty.connect() as connection:
        assert set(Base.metadata.tables) <= set(sa.inspect(connection).get_table_names())
    empty.dispose()


def test_on_sqlite_readers_do_not_wait_for_a_writer(sqlite_template: Path, tmp_path: Path, now: datetime) -> None:
    path = tmp_path / "overheard.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = make_engine(f"sqlite:///{path}")
    with make_sessions(engine).begin() as writer:
        make_campaign(writer, now=now)
        with make_reading_sessions(engine)() as reader:
            assert reader.scalars(sa.select(Campaign)).all() == []
    engine.dispose()


def test_a_read_followed_by_a_write_never_meets_a_locked_database(sessions: Sessions, now: datetime) -> None:
    """A deferred SQLite transaction would fail here at once, whatever the busy timeout."""
    with sessions.begin() as session:
        make_campaign(session, now=now)
    errors: list[Exception] = []

    def rename(n: int) -> None:
        try:
            for _ in range(10):
                with sessions.begin() as session:
                    campaign = session.scalars(sa.select(Campaign).with_for_update()).one()
                    campaign.offer = f"{n} {campaign.offer}"[:50]
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must show it
            errors.append(error)

    threads = [threading.Thread(target=rename, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []


def test_another_kind_of_database_is_refused_by_name() -> None:
    with pytest.raises(OverheardError, match="'mysql' is not supported"):
        make_engine("mysql://localhost/x")


def test_a_database_that_cannot_be_opened_says_which_setting_to_look_at(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/no/such/folder/x.db")
    with pytest.raises(OverheardError, match="Check OVERHEARD_DATABASE_URL and OVERHEARD_HOME"):
        upgrade(engine)


def test_an_old_process_that_starts_again_leaves_newer_tables_as_they_are(empty: Engine) -> None:
    upgrade(empty)
    with empty.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = 'of a later version'"))
    upgrade(empty)
    with empty.begin() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "of a later version"
    empty.dispose()
