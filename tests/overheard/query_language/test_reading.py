import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overheard.errors import InvalidQuery
from overheard.query_language import PostText, explain, read, reading, tokens
from overheard.query_language.nodes import And, Near, Not, Or, Phrase, Symbol, Within, Word, walk

VARIABLES = {"brands": 'hubspot\n"zoho crm"', "all": "${brands} OR crm", "circle": "x ${round}", "round": "${circle}"}


@pytest.mark.parametrize(
    ("expression", "position", "words"),
    [
        ("", 0, "Say what to look for"),
        ("-spam", 0, "put \\* before them"),
        ("crm OR -spam", 7, "This side of OR only says what to leave out"),
        ("crm -*", 5, "excludes every post"),
        ('crm "looking', 4, "quotation mark is not closed"),
        ("crm `c++", 4, "backtick is not closed"),
        ("crm (a (b", 7, "A bracket is not closed: add \\)"),
        ("crm )", 4, "closes none that was opened"),
        ("crm ()", 4, "Nothing stands between these brackets"),
        ("crm !!!", 4, "no letter or digit"),
        ('""', 0, "no letter or digit"),
        ("looking NEAR/5", 8, "`NEAR/5` needs a word on both sides"),
        ("near/5 crm", 0, "`near/5` needs a word on both sides"),
        ("crm near/ erp", 4, "Write it as in near/5"),
        ("crm near/500 erp", 4, "At most 100 words"),
        ("crm near/5 title:erp", 11, "Put the whole into its brackets: title:"),
        ("crm near/5 -erp", 11, "cannot be left out"),
        ("crm OR", 4, "`OR` needs a word on both sides"),
        ("AND crm", 0, 'write "and"'),
        ("crm NOT", 4, "`NOT` needs a word after it"),
        ("title:", 0, "`title:` needs a word after it"),
        ("subreddit:bakers", 0, "Did you mean community:bakers"),
        ("autor:ann", 0, "Did you mean author:ann"),
        ("platform:redit", 9, "Did you mean platform:reddit"),
        ("type:story", 5, "There are: post, comment, message"),
        ("lang:english", 5, "such as lang:en"),
        ("min_words:many", 10, "a number from 1"),
        ("author:(ann bob)", 8, "several in brackets joined by OR"),
        ("title:(a body:b)", 0, "stands within another"),
        ("domain:hello", 7, "is no domain"),
        ("~c3po", 0, "Write it without ~"),
        ("${brand}", 0, "Did you mean \\$\\{brands\\}"),
        ("crm ${brands", 4, "ends with }"),
        ("crm ${circle}", 4, "holds itself: circle → round → circle"),
        ("x" * 300_001, 300_000, "at most 300,000 characters"),
    ],
)
def test_an_unreadable_query_says_what_is_wrong_and_where_and_what_to_write(
    expression: str, position: int, words: str
) -> None:
    with pytest.raises(InvalidQuery, match=words) as caught:
        read(expression, VARIABLES)
    assert caught.value.position == position
    assert f"at character {position + 1}" in str(caught.value)


def test_near_binds_closest_then_not_then_and_then_or() -> None:
    root = read("a near/2 b c OR NOT d e").root
    match root:
        case Or((And((Near(Word("a"), Word("b"), 2, False), Word("c"))), And((Not(Word("d")), Word("e"))))):
            pass
        case _:
            pytest.fail(str(root))


def test_every_node_knows_where_it_stands_and_what_a_variable_brought_stands_where_it_stands() -> None:
    expression = 'crm -"job offer" title:`C++` ${brands}'
    said = {
        type(node): expression[slice(*node.span)]
        for node in walk(read(expression, VARIABLES).root)
        if isinstance(node, Not | Symbol | Within | Or)
    }
    assert said == {Not: '-"job offer"', Symbol: "`C++`", Within: "title:`C++`", Or: "${brands}"}


def test_quotation_marks_of_word_processors_are_quotation_marks() -> None:
    assert read("“looking for” crm").root == And((Phrase(("looking", "for"), (0, 13)), Word("crm", (14, 17))), (0, 17))


def test_an_operator_in_small_letters_is_a_word_and_a_hint() -> None:
    (hint,) = read('crm or "or"').hints
    assert (hint.start, hint.end, hint.replacement) == (4, 6, "OR")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("crm", "Posts with the word “crm”."),
        (
            '"looking for" crm -job',
            "Posts with the phrase “looking for” and with the word “crm”, but not those with the word “job”.",
        ),
        ("crm onear/1 `C++`", "Posts with the word “crm” followed by exactly “C++”, at most one word between them."),
        (
            "a OR b OR c OR d OR e OR f OR g",
            "Posts with the word “a”, the word “b”, the word “c”, the word “d”, the word “e” or 2 more.",
        ),
        ("* lang:de", "Posts in the language “de”."),
    ],
)  # fmt: skip
def test_a_query_is_explained_in_plain_words(expression: str, words: str) -> None:
    assert explain(read(expression)) == words


HOSTILE = [
    " OR ".join(f"term{number}" for number in range(10_000)),
    "(" * 200 + "a" + ")" * 200,
    "a (b OR " * 200 + "c" + ")" * 200,
    "(" * 100_000,
    "NOT " * 5_000 + "a",
    "a*" * 1_000,
    '"' + "a " * 99 + 'b"',
    '"' + "a * " * 10 + 'b"',
    " near/100 ".join("a" * 90),
    "title:" * 500 + "a",
]


@pytest.mark.parametrize("expression", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_huge_and_hostile_queries_are_answered_or_refused_in_bounded_time(expression: str) -> None:
    started = time.process_time()
    try:
        read(expression).find(PostText("a" * 1_000, "a " * 10_000 + "a" * 20_000))
    except InvalidQuery as error:
        assert "at most" in str(error) or "stands within" in str(error)  # noqa: PT017 - it may be answered too
    assert time.process_time() - started < 30


def test_variables_that_multiply_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_PARTS", 300)
    bomb = {f"v{number}": f"${{v{number + 1}}} " * 10 for number in range(9)} | {"v9": "a " * 10}
    with pytest.raises(InvalidQuery, match="at most 300 words"):
        read("${v0}", bomb)


@given(st.text(max_size=80) | st.text('ab "`()*-~:/${}|ORANDnear5title', max_size=80))
def test_whatever_is_written_it_can_be_coloured_and_is_read_or_refused(expression: str) -> None:
    last = 0
    for kind, start, end in tokens(expression):
        assert kind
        assert last <= start < end <= len(expression)
        last = end
    try:
        assert explain(read(expression, VARIABLES))
    except InvalidQuery as error:
        assert 0 <= error.position <= len(expression)  # noqa: PT017 - it may be read too
