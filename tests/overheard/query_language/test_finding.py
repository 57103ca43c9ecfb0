import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from overheard.errors import InvalidQuery
from overheard.query_language import Matcher, PostText, Span, read
from overheard.vocabulary import Platform, PostKind


@pytest.mark.parametrize(
    ("expression", "title", "body", "spans"),
    [
        ("crm", "A CRM?", "", [("title", 2, 5)]),
        ("crm", "scrms", "", None),
        ("crm bakery", "CRM", "for a bakery", [("title", 0, 3), ("body", 6, 12)]),
        ("crm bakery", "CRM", "for a shop", None),
        ('"looking for"', "", "I'm looking  for help", [("body", 4, 16)]),
        ('"looking for"', "", "for looking", None),
        ("crm -hiring", "CRM", "We are hiring", None),
        ('crm -"job offer"', "CRM", "a job, an offer", [("title", 0, 3)]),
        ("c++", "I use C++.", "", [("title", 6, 9)]),
        (".net", "on .NET", "", [("title", 3, 7)]),
        ("*", "anything", "", []),
        ("* -spam", "spam", "", None),
        ("cafe", "CAFÉ", "", [("title", 0, 4)]),
        ("crm", "c\u200bRM", "", [("title", 0, 4)]),
        # what the first form of the language had not
        ("crm OR erp", "ERP", "", [("title", 0, 3)]),
        ("bakery (crm OR erp) -(job OR hiring)", "bakery crm", "", [("title", 0, 6), ("title", 7, 10)]),
        ("bakery (crm OR erp) -(job OR hiring)", "bakery crm job", "", None),
        ("invoic*", "Invoicing, invoice", "", [("title", 0, 9), ("title", 11, 18)]),
        ("col*r", "colour, color, collar bone", "", [("title", 0, 6), ("title", 8, 13), ("title", 15, 21)]),
        ("*soft", "Microsoft softer", "", [("title", 0, 9)]),
        ('"best * software"', "Best bakery software", "", [("title", 0, 20)]),
        ('"project manag*"', "project management", "", [("title", 0, 18)]),
        ("~invoice", "invoicing an invoice; invoiced", "", [("title", 0, 9), ("title", 13, 20), ("title", 22, 30)]),
        ("~try", "tries, trying, trial", "", [("title", 0, 5), ("title", 7, 13)]),
        ("~hope", "hoping", "hop", [("title", 0, 6)]),
        ("crm near/1 bakery", "crm for bakery", "", [("title", 0, 3), ("title", 8, 14)]),
        ("crm near/1 bakery", "crm for a bakery", "", None),
        ("crm near/1 bakery", "bakery crm", "", [("title", 0, 6), ("title", 7, 10)]),
        ("crm onear/1 bakery", "bakery crm", "", None),
        ("crm near/5 bakery", "crm", "bakery", None),
        ("crm near/0 crm", "crm", "", None),
        ('(crm OR erp) near/2 "my shop"', "erp: my shop", "", [("title", 0, 3), ("title", 5, 12)]),
        ("`C++`", "c++ C++17", "", [("title", 4, 7)]),
        ("`.NET`", "ASP.NET .net", "", [("title", 3, 7)]),
        ("`$99`", "$999 or $99.", "", [("title", 8, 11)]),
        ("title:crm", "", "crm", None),
        ("title:(crm -free) body:shop", "crm", "free shop", [("title", 0, 3), ("body", 5, 9)]),
        ("title:crm -body:crm", "crm", "crm", None),
        ("domain:example.com", "see https://www.example.com/x", "", [("title", 16, 27)]),
        ("example.com", "example[.]com and hxxps://example (dot) com", "", [("title", 0, 13), ("title", 26, 43)]),
        ("example.com", "my-example.com example.com.au", "", None),
        ("don't", "I don\u2019t", "", [("title", 2, 7)]),
        ("has:question", "Which?", "", []),
        ("has:link", "at www.a.b", "", []),
        ("min_words:3", "one", "two", None),
        ("lang:de", "", "", []),
        ("platform:reddit type:post|comment author:@ann community:bakers lang:en", "", "", []),
        ("author:a*n community:r/*ers", "", "", []),
        ("-author:ann *", "", "", None),
        ("type:comment", "", "", None),
    ],
)  # fmt: skip
def test_a_query_meets_a_post_where_it_should(expression: str, title: str, body: str, spans: list[Span] | None) -> None:
    language = "en" if "lang:en" in expression else None
    post = PostText(title, body, "Ann", "r/Bakers", Platform.REDDIT, PostKind.SUBMISSION, language)
    query = read(expression)
    assert query.find(post) == spans
    assert Matcher({1: query}).match(post) == ({} if spans is None else {1: spans})


def test_while_a_language_is_not_known_conditions_on_it_hold() -> None:
    post = PostText("crm", "")
    for expression in ("lang:de", "crm -lang:de", "crm (lang:de OR lang:en)"):
        assert read(expression).find(post) is not None
    assert read("crm -lang:de").find(PostText("crm", "", language="de")) is None


def test_words_have_forms_by_their_stem_and_not_by_their_beginning() -> None:
    assert read("~pay").find(PostText("payable paypal", "")) is None


WORDS = ["a", "ab", "crm", "c++", ".net", "erp", "don't", "münze", "b", "aa"]
TEXTS = [
    "c\u200brm",
    "AB",
    "a\u00a8b",
    "ERP.",
    "example[.]com",
    "example.com",
    "\ud800",
    "a-b",
    "don\u2019t",
    "?",
    "\n",
    "ab" * 9,
]

_atoms = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(WORDS).map(lambda word: f"{word}*"),
    st.sampled_from(["a*b", "*b", "~trying", "`C++`", "`A`", "`b a`", "example.com", "title:a", "body:(a b)"]),
    st.lists(st.sampled_from([*WORDS, "*"]), min_size=2, max_size=4).map(lambda words: f'"{" ".join(words)}"'),
    st.sampled_from(["platform:reddit", "lang:de", "has:question", "min_words:3", "*", "type:post"]),
    st.text(min_size=1, max_size=4).map(lambda text: f'"{text}"'),
)
_trees = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(" ".join),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} OR {pair[1]})"),
        inner.map(lambda one: f"-({one})"),
        st.tuples(inner, st.sampled_from(["near/0", "near/2", "onear/1"]), inner).map(" ".join),
    ),
    max_leaves=8,
)
_texts = st.lists(st.sampled_from([*WORDS, *TEXTS, "trying", "C++", "A"]) | st.text(max_size=3), max_size=12).map(
    " ".join
)


@given(st.lists(_trees, min_size=1, max_size=6), _texts, _texts, st.sampled_from([None, "de", "en"]))
@example(["a*", "aa*"], "a" * 40, "", None)
def test_the_matcher_says_of_every_post_what_each_query_says(
    expressions: list[str], title: str, body: str, language: str | None
) -> None:
    queries = {}
    for number, expression in enumerate(expressions):
        try:
            queries[number] = read(expression)
        except InvalidQuery:
            continue
    post = PostText(title, body, platform=Platform.REDDIT, language=language)
    alone = {number: spans for number, query in queries.items() if (spans := query.find(post)) is not None}
    assert Matcher(queries).match(post) == alone
    for spans in alone.values():
        for name, start, end in spans:
            assert 0 <= start < end <= len(title if name == "title" else body)
