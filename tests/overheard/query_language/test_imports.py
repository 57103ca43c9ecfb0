import re
from pathlib import Path

import pytest

from overheard.query_language import read
from overheard.query_language.imports import Form, Imported, read_list

PAGE = Path(__file__).parents[3] / "docs" / "queries.md"


@pytest.mark.parametrize(
    ("form", "line", "expression", "left_out"),
    [
        (Form.F5BOT, "looking for a crm", '"looking for a crm"', ()),
        (Form.SYFTEN, '"foo bar" -baz reddit.com/r/x author:ann', '"foo bar" -baz community:x author:ann', ()),
        (Form.SYFTEN, "crm score:5", "crm", ("score:5",)),
        (Form.BRAND24, '("crm" OR "erp") AND NOT job', '("crm" OR "erp") NOT job', ()),
        (Form.BRAND24, '"crm bakery"~5', "(crm near/5 bakery)", ()),
        (Form.AWARIO, '++"CRM" NEAR/3 tool', "`CRM` NEAR/3 tool", ()),
        (Form.AWARIO, "crm country:US", "crm", ("country:US",)),
        (Form.CSV, "crm", "crm", ()),
    ],
)
def test_a_line_of_another_tools_list_becomes_a_query(
    form: Form, line: str, expression: str, left_out: tuple[str, ...]
) -> None:
    assert read_list(f"\n{line}\n", form) == [Imported(line, expression, left_out)]


def test_a_table_may_name_its_queries_and_what_cannot_be_read_is_named() -> None:
    one, other = read_list('\ufeffName,Keyword\nTools,"crm, OR"\n,"(crm"\n', Form.CSV)
    assert (one.name, one.expression) == ("Tools", "")
    assert (other.name, other.expression) == ("(crm", "")
    assert "A bracket is not closed" in other.left_out[0]


def test_every_query_on_the_page_of_the_language_can_be_read() -> None:
    page = PAGE.read_text(encoding="utf-8")
    variables = {"brands": "hubspot\npipedrive"}
    examples = [line for block in re.findall(r"```query\n(.*?)```", page, re.DOTALL) for line in block.splitlines()]
    cells = re.findall(r"^\|(?:[^|\n]|\\\|)*\| ``? ?(.*?) ?``? \|", page, re.MULTILINE)
    assert len(examples) > 10
    assert len(cells) > 20
    for expression in [*examples, *cells]:
        read(expression.replace("\\|", "|"), variables)
