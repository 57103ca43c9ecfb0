"""Answering a lead in a real browser: the whole assisted way, guardrails while one writes, snippets, two widths."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from overheard.leads import funnel
from overheard.models import Answer, Post, Reply
from overheard.replying import replies, snippets
from overheard.vocabulary import AnswerKind, Platform, ReplyState, Stage
from tests.api.browsing import Site, complaints_of, fits_every_width, in_a_browser
from tests.overheard.reply_rows import ANSWER, LINE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = in_a_browser

FIRST = "First bakery"
TARGET = "https://www.reddit.com/r/bakers/comments/ask1/"
ADDRESS = "https://www.reddit.com/r/bakers/comments/ask1/first_bakery/abc9/"


@pytest.fixture
def lead_id(site: Site) -> int:
    """A lead whose post is fresh and stands at Reddit."""
    lead = site.lead(FIRST)
    with site.sessions.begin() as session:
        here = sa.update(Post).where(Post.id == lead.top_post_id)
        session.execute(here.values(permalink=TARGET, posted_at=site.now - timedelta(hours=1)))
    return lead.id


def _promoted(site: Site, lead_id: int) -> None:
    with site.sessions.begin() as session:
        funnel.promote(session, lead_id, actor=site.cast.sam, now=site.now)


def _only(site: Site) -> Reply:
    with site.sessions() as session:
        return session.scalars(sa.select(Reply)).one()


def _open_draft(page: "Page", site: Site, lead_id: int) -> None:
    _promoted(site, lead_id)
    page.goto(site.login_link(site.cast.sam))
    page.goto(f"{site.url}/leads/{lead_id}")
    page.get_by_role("button", name="Write a reply").click()
    page.get_by_label("Your reply").wait_for()


def test_a_newcomer_promotes_and_answers_a_lead_the_assisted_way(
    site: Site, context: "BrowserContext", lead_id: int
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=site.url)
    context.route("https://www.reddit.com/**", lambda route: route.fulfill(body="the post"))
    page = context.new_page()
    complaints = complaints_of(page)
    page.goto(site.login_link(site.cast.sam))
    page.goto(f"{site.url}/leads/{lead_id}")
    page.get_by_role("button", name="Promote").click()
    page.goto(f"{site.url}/leads/{lead_id}")
    page.get_by_role("button", name="Write a reply").click()
    words = page.get_by_label("Your reply")
    page.get_by_text("could not be fetched").wait_for()  # nobody here can ask Reddit, and what is stored is shown
    assert words.input_value().strip() == LINE
    words.press_sequentially("Two bakeries I know keep their customers in a shared sheet and never looked back.")
    page.get_by_text("Nothing stands in the way.").wait_for()
    words.press("Control+Enter")
    with context.expect_page() as opened:
        page.get_by_role("link", name="Copy and open the post").press("Enter")
    assert opened.value.url == TARGET
    page.get_by_text("Copied. Paste it").wait_for()
    assert "Two bakeries I know" in page.evaluate("navigator.clipboard.readText()")
    page.get_by_label("Paste the address of your reply").fill(ADDRESS)
    page.get_by_role("button", name="Mark sent").click()
    page.get_by_text("Marked sent.").wait_for()
    sent = _only(site)
    assert (sent.state, sent.permalink) == (ReplyState.SENT, "https://www.reddit.com/r/bakers/comments/ask1/_/abc9/")
    assert complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_from_the_queue_to_an_approved_answer_without_a_mouse(
    site: Site, browser: "Browser", lead_id: int, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(site.login_link(site.cast.sam))
    page.keyboard.press("p")  # no lead is chosen yet: the first is, and nothing is decided
    page.locator(f"#lead-{lead_id}.card.current").wait_for()
    assert site.lead(FIRST).stage is Stage.MARKETING_QUALIFIED
    page.keyboard.press("p")
    page.get_by_role("link", name="Answer it").wait_for()
    page.keyboard.press("w")
    page.locator("#write:focus").wait_for()
    page.keyboard.press("Enter")
    page.locator("#reply-text:focus").wait_for()
    page.keyboard.press("Control+Home")
    page.keyboard.type("Two bakeries I know keep their customers in a shared sheet and never looked back.")
    page.get_by_text("Nothing stands in the way.").wait_for()
    page.keyboard.press("Control+Enter")
    page.get_by_label("The words you approved").wait_for()
    context.close()
    assert _only(site).state is ReplyState.APPROVED


def test_guardrails_speak_while_one_writes_and_stop_the_approval(
    site: Site, context: "BrowserContext", lead_id: int
) -> None:
    with site.sessions.begin() as session:
        text = f"For that I would take {{their tool}}. {LINE}"
        snippets.add(
            session, name="Tool", text=text, objection=None, is_shared=False, actor=site.cast.sam, now=site.now
        )
    page = context.new_page()
    _open_draft(page, site, lead_id)
    page.get_by_text("Nothing is written yet.").wait_for()
    words = page.get_by_label("Your reply")
    words.fill("")
    page.get_by_text("Snippets and answers to objections").click()
    page.get_by_role("button", name="Insert").click()
    page.get_by_text("This place is not filled: {their tool}.").wait_for()
    words.press("Control+Enter")
    page.locator(".flash.bad", has_text="Not approved.").wait_for()
    assert _only(site).state is ReplyState.DRAFT
    words.fill(words.input_value().replace("{their tool}", "a sheet, see https://bit.ly/x"))
    page.get_by_text("This link hides where it leads: https://bit.ly/x").wait_for()
    words.fill(words.input_value().replace(", see https://bit.ly/x", ""))
    page.get_by_text("Nothing stands in the way.").wait_for()
    page.get_by_role("button", name="Approve").click()
    page.get_by_role("link", name="Copy and open the post").wait_for()


def test_an_old_post_wants_a_mark_that_stays_while_one_writes(
    site: Site, context: "BrowserContext", lead_id: int
) -> None:
    with site.sessions.begin() as session:
        session.execute(sa.update(Post).values(posted_at=site.now - timedelta(days=5)))
    page = context.new_page()
    _open_draft(page, site, lead_id)
    page.get_by_label("Your reply").fill(ANSWER)
    page.get_by_label("Set this aside for this reply").check()
    page.get_by_label("Your reply").press_sequentially(" ")
    page.get_by_text("Saved.").wait_for()
    assert page.get_by_label("Set this aside for this reply").is_checked()
    page.get_by_label("Your reply").press("Control+Enter")
    page.get_by_role("link", name="Copy and open the post").wait_for()
    assert _only(site).overrides == ["freshness"]


def test_words_are_not_lost_when_the_line_is_cut(site: Site, context: "BrowserContext", lead_id: int) -> None:
    page = context.new_page()
    _open_draft(page, site, lead_id)
    context.set_offline(True)
    page.get_by_label("Your reply").fill(ANSWER)
    page.get_by_text("The server cannot be reached. Your words are only here.").wait_for()
    context.set_offline(False)
    page.get_by_label("Your reply").press_sequentially(" ")
    page.get_by_text("Saved.").wait_for()
    assert _only(site).text.strip() == ANSWER


def test_the_composer_fits_every_width(site: Site, context: "BrowserContext", lead_id: int, tmp_path: Path) -> None:
    with site.sessions.begin() as session:
        snippets.add_shipped(session, actor=site.cast.alice, now=site.now)
    page = context.new_page()
    complaints = complaints_of(page)
    _open_draft(page, site, lead_id)
    page.get_by_label("Your reply").fill("Try {their tool}, see bit.ly/x and " + "a_very_long_word" * 20)
    page.get_by_text("hides where it leads").wait_for()
    page.get_by_text("Snippets and answers to objections").click()
    fits_every_width(page, tmp_path / "draft", full_page=True)
    page.get_by_label("Your reply").fill(ANSWER)
    page.get_by_text("Nothing stands in the way.").wait_for()
    page.get_by_label("Your reply").press("Control+Enter")
    page.get_by_role("link", name="Copy and open the post").wait_for()
    fits_every_width(page, tmp_path / "approved", full_page=True)
    _answered(site)
    page.reload()
    page.get_by_text("It looks positive").wait_for()
    fits_every_width(page, tmp_path / "answered", full_page=True)
    for name in ("replies", "snippets", f"leads/{lead_id}/thread"):
        page.goto(f"{site.url}/{name}")
        fits_every_width(page, tmp_path / name.rpartition("/")[2], full_page=True)
    assert complaints == []


def _answered(site: Site) -> None:
    with site.sessions.begin() as session:
        reply = session.scalars(sa.select(Reply)).one()
        replies.mark_sent(session, reply.id, permalink=ADDRESS, actor=site.cast.sam, now=site.now)
        session.add(
            Answer(
                reply_id=reply.id,
                platform=Platform.REDDIT,
                external_id="t1_back",
                author="baker0",
                is_recipient=True,
                text="That sounds good. How do I begin?",
                collected_at=site.now,
                proposed=AnswerKind.POSITIVE,
                proposed_score=0.91,
            )
        )
