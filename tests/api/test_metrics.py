"""Whoever is on call reads numbers, and nobody's words."""

import json
import re
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
import yaml
from prometheus_client.parser import text_string_to_metric_families

from overheard.models import Post, Source
from tests.api.conftest import World
from tests.factories import make_lead, new_post, watch_source

_DEPLOY = Path(__file__).parents[2] / "deploy"


def test_prometheus_reads_how_the_installation_is_doing(world: World) -> None:
    with world.sessions.begin() as session:
        post = new_post(title="A secret canary", body="crm for a bakery?", author="rosa_canary")
        lead = make_lead(session, now=world.now, post=post)
        lead.stage_changed_at = world.now - timedelta(hours=2)
        watch_source(session, now=world.now)
        session.execute(sa.update(Source).values(read_at=world.now - timedelta(minutes=5)))
    answer = world.program(world.cast.alice).get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    told = {
        (sample.name.removeprefix("overheard_"), sample.labels.get("stage") or sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert told["leads", "marketing_qualified"] == 1
    assert told["leads", "won"] == 0
    assert told["queue_age_seconds", None] == 7200
    assert told["source_read_age_seconds", None] == 300
    assert told["replies", "ambiguous"] == told["deliveries", "failed"] == told["dead_letters", None] == 0
    assert not re.search("canary|bakery|rosa", answer.text), "no text and no handle leaves here"


def test_only_an_admins_token_reads_them(world: World) -> None:
    assert world.stranger().get("/metrics").status_code == 401
    assert world.program(world.cast.sam).get("/metrics").status_code == 403


def test_alert_rules_and_the_dashboard_ask_only_for_figures_that_are_given(world: World) -> None:
    with world.sessions.begin() as session:
        make_lead(session, now=world.now)
        source = watch_source(session, now=world.now - timedelta(hours=2))
        source.read_at = world.now
        written = world.now - timedelta(hours=1)
        session.execute(sa.update(Post).values(source_id=source.id, posted_at=written, collected_at=world.now))
    answer = world.program(world.cast.alice).get("/metrics")
    given = {sample.name for family in text_string_to_metric_families(answer.text) for sample in family.samples}
    groups = yaml.safe_load((_DEPLOY / "prometheus/overheard.rules.yml").read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    dashboard = json.loads((_DEPLOY / "grafana/overheard.json").read_text())
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for expression in asked:
        names = set(re.findall(r"overheard_\w+", expression))
        assert names, expression
        assert names <= given, expression
    assert all(rule["annotations"]["do"] for rule in rules), "each says what to do"
