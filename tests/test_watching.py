"""What is told from outside: the alert rules, the dashboard and the page about them ask for what `/metrics` gives."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from overheard.operations.figures import MEANS

_ROOT = Path(__file__).parents[1]
_PROMETHEUS = _ROOT / "deploy/prometheus"
_PAGE = (_ROOT / "docs/operations.md").read_text(encoding="utf-8")

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((_PROMETHEUS / "overheard.rules.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS: list[dict[str, Any]] = json.loads((_ROOT / "deploy/grafana/overheard.json").read_text(encoding="utf-8"))[
    "panels"
]

_GIVEN = {f"overheard_{name}" for name in MEANS} | {
    f"overheard_{name}_{part}" for name in ("score", "batch_posts") for part in ("bucket", "gcount", "gsum")
}


def _named(text: str) -> set[str]:
    return set(re.findall(r"overheard_[a-z_]+", text))


def test_alert_rules_and_the_dashboard_ask_only_for_figures_that_are_given() -> None:
    for rule in RULES:
        assert _named(rule["expr"]) <= _GIVEN, rule["alert"]
        assert _named(rule["expr"]) or rule["expr"].startswith("up{"), rule["alert"]
    for panel in PANELS:
        for target in panel.get("targets", ()):
            assert _named(target["expr"]), panel["title"]
            assert _named(target["expr"]) <= _GIVEN, panel["title"]


def test_every_figure_is_in_the_table_of_the_page() -> None:
    table = "\n".join(line for line in _PAGE.splitlines() if line.startswith("| `overheard_"))
    assert _named(table) == {f"overheard_{name}" for name in MEANS}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do_and_where_more_is_told(rule: dict[str, Any]) -> None:
    assert rule["annotations"]["do"]
    assert rule["labels"]["severity"] in ("page", "ticket")
    page, _, heading = rule["annotations"]["runbook"].partition("#")
    assert heading == rule["alert"].lower()
    assert f"\n### {rule['alert']}\n" in (_ROOT / page).read_text(encoding="utf-8")


def test_every_heading_is_an_alerts_and_every_alert_has_a_test() -> None:
    names = [rule["alert"] for rule in RULES]
    assert re.findall(r"^### (\w+)$", _PAGE, flags=re.MULTILINE) == names, "in the order of the rules"
    tests = yaml.safe_load((_PROMETHEUS / "overheard.tests.yml").read_text(encoding="utf-8"))["tests"]
    firing = [sample["labels"] for sample in tests[-1]["promql_expr_test"][0]["exp_samples"]]
    assert [re.findall(r'alertname="(\w+)"', labels) for labels in firing] == [[name] for name in names]


_PROMTOOL = shutil.which("promtool") or ""


@pytest.mark.skipif(not _PROMTOOL, reason="promtool is not installed (Debian: prometheus)")
def test_prometheus_own_tool_finds_the_rules_sound_and_their_tests_pass() -> None:
    for command in (["check", "rules", "overheard.rules.yml"], ["test", "rules", "overheard.tests.yml"]):
        found = subprocess.run([_PROMTOOL, *command], cwd=_PROMETHEUS, capture_output=True, text=True, check=False)
        assert not found.returncode, found.stdout + found.stderr
