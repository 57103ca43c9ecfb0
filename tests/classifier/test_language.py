"""Which language a post is in, and what becomes of one that the model cannot read. All texts are invented."""

import tomllib
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from classifier.language import find_language
from classifier.model import IntentModel
from classifier.run import classify_pending
from classifier.text import PostText
from overheard.db import Sessions
from overheard.desk.cards import cards
from overheard.listening.posts import store_posts
from overheard.models import Lead, Post, Prediction
from overheard.vocabulary import Intent
from tests.classifier.texts import ASKS_AND_TWINS
from tests.factories import POSTED, make_campaign, new_post, store

FOREIGN: dict[str, dict[str, list[str]]] = tomllib.loads(
    (Path(__file__).parent / "checklist" / "languages.toml").read_text(encoding="utf-8")
)
GERMAN = "Wir suchen für unsere Werkstatt ein Programm, mit dem man Termine planen kann. Was nehmt ihr?"

ENGLISH = [
    "notion or obsidian?",
    "Zoom",
    "zapier vs make vs n8n",
    "SQUARE OR SUMUP FOR A SECOND TILL?",
    "anyone else",
    "lol same",
    "crm recs plz",
    "dentist in münchen?",
    "Good tapas place near Plaça de Catalunya?",
    "Need a German translator, Berlin or remote",
    "🔥🔥🔥 which one 👀",
    "https://example.org/une/page/en/francais?x=bonjour+tout+le+monde",
    "TypeError: Cannot read properties of undefined (reading 'map')",
    "sudo apt install nginx && systemctl restart nginx",
    "@karl_heinz @jean_pierre thoughts?",
    "tryna find a gud barber in brixton innit",
    "Pixel 9 Pro XL 256GB, Galaxy S25 Ultra, iPhone 17",
    "",
    "12,50 €",
    "...",
]


@pytest.mark.parametrize("text", ENGLISH)
def test_what_is_english_or_hardly_a_text_is_never_called_foreign(text: str) -> None:
    assert find_language(PostText(text, "")) in ("en", None)
    assert find_language(PostText("", text)) in ("en", None)


def test_short_asks_in_fifteen_languages_are_told_from_english_mostly_and_long_ones_always() -> None:
    assert len(FOREIGN) == 15
    long = [(code, find_language(PostText("", text))) for code, texts in FOREIGN.items() for text in texts["long"]]
    assert [(code, found) for code, found in long if code != found] == []
    short = [(code, find_language(PostText(text, ""))) for code, texts in FOREIGN.items() for text in texts["short"]]
    wrong = [(code, found) for code, found in short if code != found]
    assert len(short) == 60
    assert len(wrong) <= 3
    assert {found for _, found in wrong} <= {None}  # they are judged, as before


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("Which calendar tool do you use for a small workshop with three people?", GERMAN),
        ("", f"{GERMAN}\n\nIn English: we are looking for a program to plan the dates of our workshop."),
    ],
)
def test_a_post_that_also_says_it_in_english_is_judged(title: str, body: str) -> None:
    assert find_language(PostText.of(title, body)) in ("en", None)


@pytest.mark.parametrize("posts", ASKS_AND_TWINS)
def test_what_common_words_alone_call_english_is_english_to_the_identifier_too(
    posts: tuple[PostText, PostText], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = [find_language(post) for post in posts]
    monkeypatch.setattr("classifier.language._COMMON_WORDS", frozenset())
    assert quick == [find_language(post) for post in posts]


def test_english_words_inside_another_language_do_not_make_it_english() -> None:
    assert find_language(PostText("", f"{GERMAN} {GERMAN} Kennt jemand the one or what you need?")) == "de"
    chinese = "我们正在为一家小型诊所寻找预约软件有人能推荐一个吗价格最好不要太贵而且要支持短信提醒谢谢大家"
    assert find_language(PostText("", f"{chinese} for you and me to do it")) == "zh"


def test_code_and_quotes_do_not_decide_about_the_language() -> None:
    quoted = "> " + GERMAN + "\n\nWhat does this letter from my landlord want from me?"
    assert find_language(PostText.of("", quoted)) == "en"
    code = "```\nfor (const wert of werte) { ausgabe.schreibe(wert); }\n```\n" + GERMAN
    assert find_language(PostText.of("", code)) == "de"


def test_a_post_in_another_language_is_not_judged_and_its_neighbours_are(model: IntentModel) -> None:
    ask = PostText("Looking for a calendar tool for a small workshop, any tips?", "")
    first, foreign, last = model.predict([ask, PostText("", GERMAN), ask])
    assert (foreign.is_judged, foreign.language) == (False, "de")
    assert (foreign.score, foreign.is_lead, foreign.intent) == (0.0, False, Intent.DISCUSSION)
    assert (foreign.probabilities, foreign.evidence) == ({}, ())
    assert first == last
    assert (first.is_judged, first.language) == (True, "en")
    assert first.is_lead


def test_a_threshold_of_zero_makes_no_lead_of_a_post_that_was_not_judged(
    sessions: Sessions, now: datetime, model: IntentModel
) -> None:
    with sessions.begin() as session:
        make_campaign(session, now=now, threshold=0.0)
        store(session, new_post(author="ann", body=GERMAN), new_post(author="bob", body="Nice weather."), now=now)
    result = classify_pending(sessions, model, clock=lambda: now)
    assert (result.posts, result.not_judged, result.leads) == (2, 1, 1)
    with sessions() as session:
        statement = sa.select(Post.author, Prediction.language, Prediction.is_judged, Prediction.score)
        rows = {row.author: row for row in session.execute(statement.join(Post, Post.id == Prediction.post_id))}
        assert (rows["ann"].language, rows["ann"].is_judged, rows["ann"].score) == ("de", False, 0.0)
        assert (rows["bob"].language, rows["bob"].is_judged) == ("en", True)
        assert session.scalars(sa.select(Lead.author)).all() == ["bob"]


def test_a_post_rewritten_in_another_language_makes_no_lead_any_more(
    sessions: Sessions, now: datetime, model: IntentModel
) -> None:
    with sessions.begin() as session:
        make_campaign(session, now=now, threshold=0.0)
        store(session, new_post(external_id="t3_e", body="Looking for a bookkeeper in Leeds"), now=now)
    classify_pending(sessions, model, clock=lambda: now)
    with sessions() as session:
        lead = session.scalars(sa.select(Lead)).one()
        card = cards(session, lead)[0]
        assert (card.language, card.is_judged) == ("en", True)
    with sessions.begin() as session:
        store_posts(session, [new_post(external_id="t3_e", body=GERMAN, as_of=POSTED.replace(hour=23))], now=now)
    classify_pending(sessions, model, clock=lambda: now)
    with sessions() as session:
        assert session.scalars(sa.select(Lead)).all() == []
