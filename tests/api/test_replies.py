"""Writing on the lead's page, as a browser without script does it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from api.app import create_app
from overheard.errors import CollectorError
from overheard.models import Answer, DoNotContact, Lead, Post, Reply, Source
from overheard.replying import reply_stops
from overheard.replying.conversations import RuleFlag, Rules, TargetState, Thread, ThreadPost
from overheard.settings import Settings
from overheard.vocabulary import AnswerKind, DisqualifyReason, Platform, ReplyState, Stage
from tests.api.conftest import Browser, World
from tests.overheard.reply_rows import ANSWER, LINE, promoted

TEMPLATES = Path(__file__).parents[2] / "api" / "templates"
ADDRESS = "https://www.reddit.com/r/bakers/comments/ask1/which_crm/abc9/"


@dataclass
class Platforms:
    """What the composer asks: a thread that the test sets, or a platform that does not answer."""

    thread_now: Thread | None = None
    asked_for: list[str] = field(default_factory=list)
    meanwhile: Callable[[], object] = bool

    def thread(self, post: Post) -> Thread:
        self.asked_for.append(post.external_id)
        self.meanwhile()
        if self.thread_now is None:
            raise CollectorError("Reddit did not answer within 4 seconds.")
        return self.thread_now

    def rules(self, source: Source) -> Rules | None:
        return Rules(f"Rules of {source.community}", frozenset({RuleFlag.NO_AI}))


@pytest.fixture
def platforms() -> Platforms:
    return Platforms()


@pytest.fixture
def desk(world: World, settings: Settings, platforms: Platforms) -> World:
    """The same world, with platforms that can be asked."""
    engine = world.sessions.kw["bind"]
    world.app = create_app(settings, engine=engine, clock=lambda: world.clock[0], conversations=platforms)
    return world


def write_to(world: World, **said: object) -> int:
    with world.sessions.begin() as session:
        return promoted(session, world.cast.sam, now=world.now, **said).id  # type: ignore[arg-type]


def begun(world: World, browser: Browser, text: str = ANSWER) -> tuple[int, int]:
    """A lead and a draft to it."""
    lead_id = write_to(world)
    assert browser.submit(f"/leads/{lead_id}/replies").headers["location"] == f"/leads/{lead_id}#reply"
    with world.rows() as session:
        reply_id = session.scalars(sa.select(Reply.id)).one()
    browser.submit(f"/replies/{reply_id}/save", text=text)
    return lead_id, reply_id


def state_of(world: World, reply_id: int) -> ReplyState:
    with world.rows() as session:
        return session.get_one(Reply, reply_id).state


def test_a_lead_is_answered_the_assisted_way_without_script(world: World) -> None:
    browser = world.browser(world.cast.sam)
    lead_id, reply_id = begun(world, browser)
    shown = browser.get(f"/leads/{lead_id}").text
    assert "Nothing stands in the way." in shown
    assert "Promote the lead" not in shown
    approved = browser.submit(f"/replies/{reply_id}/approve", text=ANSWER)
    assert approved.headers["location"] == f"/leads/{lead_id}#reply"
    shown = browser.get(f"/leads/{lead_id}").text
    assert 'href="https://www.reddit.com/r/bakers/comments/ask1/"' in shown
    assert "Mark sent" in shown
    refused = browser.submit(f"/replies/{reply_id}/sent", permalink="https://www.reddit.com/r/bakers/comments/ask1/")
    assert (refused.status_code, "the post that you answered" in refused.text) == (422, True)
    browser.submit(f"/replies/{reply_id}/sent", permalink=ADDRESS)
    assert state_of(world, reply_id) is ReplyState.SENT
    with world.rows() as session:
        assert session.get_one(Lead, lead_id).stage is Stage.REPLIED
    assert "first one 1.0 h after the post" in browser.get(f"/leads/{lead_id}").text


def test_others_can_write_while_a_platform_is_asked(desk: World, platforms: Platforms) -> None:
    browser, program = desk.browser(desk.cast.sam), desk.program(desk.cast.sam)
    _, reply_id = begun(desk, browser)
    platforms.meanwhile = desk.lead
    browser.submit(f"/replies/{reply_id}/approve", text=ANSWER)
    assert state_of(desk, reply_id) is ReplyState.APPROVED
    program.post(f"/v1/replies/{reply_id}/take_back")
    asked = len(platforms.asked_for)
    assert program.post(f"/v1/replies/{reply_id}/approve", json={}).status_code == 200
    assert len(platforms.asked_for) == asked + 1


def test_what_stands_in_the_way_is_said_and_the_words_are_kept(world: World) -> None:
    browser = world.browser(world.cast.sam)
    lead_id, reply_id = begun(world, browser)
    browser.submit(f"/replies/{reply_id}/approve", text="Try {their tool} at https://bit.ly/x")
    assert state_of(world, reply_id) is ReplyState.DRAFT
    shown = browser.get(f"/leads/{lead_id}").text
    assert "flash bad" in shown
    assert "Try {their tool} at https://bit.ly/x" in shown
    for said in ("{their tool}.", "hides where it leads", "does not say for whom you work"):
        assert said in shown


def test_what_may_be_set_aside_is_set_aside_by_a_mark(world: World) -> None:
    browser = world.browser(world.cast.sam)
    lead_id, reply_id = begun(world, browser)
    with world.sessions.begin() as session:
        session.execute(sa.update(Post).values(posted_at=world.now - timedelta(days=9)))
    browser.submit(f"/replies/{reply_id}/approve", text=ANSWER)
    assert state_of(world, reply_id) is ReplyState.DRAFT
    assert 'name="override" value="freshness"' in browser.get(f"/leads/{lead_id}").text
    browser.submit(f"/replies/{reply_id}/approve", text=ANSWER, override="freshness")
    assert state_of(world, reply_id) is ReplyState.APPROVED


def test_while_one_writes_the_list_alone_is_given_and_the_words_are_kept(world: World) -> None:
    browser = world.browser(world.cast.sam)
    _, reply_id = begun(world, browser)
    answer = browser.submit(f"/replies/{reply_id}/check", text="Hello {name}")
    assert answer.text.lstrip().startswith("<div")
    assert "{name}" in answer.text
    with world.rows() as session:
        assert session.get_one(Reply, reply_id).text == "Hello {name}"


def test_the_thread_is_shown_as_it_stands_now_with_the_rules(desk: World, platforms: Platforms) -> None:
    lead_id = write_to(desk)
    platforms.thread_now = Thread(
        posts=[
            ThreadPost("baker1", "Which CRM <script>alert(1)</script>?", desk.now, is_target=True),
            ThreadPost("somebody", "I use paper.", desk.now),
        ],
        target_state=TargetState.EDITED,
        is_locked=True,
        answered_by_us=True,
    )
    shown = desk.browser(desk.cast.sam).get(f"/leads/{lead_id}/thread").text
    for said in (
        "&lt;script&gt;",
        "I use paper.",
        "was edited",
        "is locked",
        "answered there already",
        "1 other wrote",
    ):
        assert said in shown
    assert "<script>alert" not in shown


def test_a_thread_that_cannot_be_fetched_is_said_and_what_is_stored_is_shown(desk: World) -> None:
    lead_id = write_to(desk)
    shown = desk.browser(desk.cast.sam).get(f"/leads/{lead_id}/thread").text
    assert "did not answer within 4 seconds" in shown
    assert "We are three people. Looking for a simple CRM." in shown


def test_without_platforms_the_page_says_so(world: World) -> None:
    lead_id = write_to(world)
    assert "without the means to ask" in world.browser(world.cast.eli).get(f"/leads/{lead_id}/thread").text


def test_a_post_that_is_gone_is_not_answered(desk: World, platforms: Platforms) -> None:
    browser = desk.browser(desk.cast.sam)
    _, reply_id = begun(desk, browser)
    platforms.thread_now = Thread(posts=[], target_state=TargetState.DELETED)
    browser.submit(f"/replies/{reply_id}/approve", text=ANSWER)
    assert (state_of(desk, reply_id), platforms.asked_for) == (ReplyState.DRAFT, ["t3_ask1"])
    platforms.thread_now = Thread(posts=[])
    browser.submit(f"/replies/{reply_id}/approve", text=ANSWER)
    assert state_of(desk, reply_id) is ReplyState.APPROVED


def test_an_mql_is_promoted_first_and_a_colleagues_draft_is_shown_as_theirs(world: World) -> None:
    lead_id = world.lead()
    sam, sue = world.browser(world.cast.sam), world.browser(world.cast.sue)
    assert "Promote the lead to write to them." in sam.get(f"/leads/{lead_id}").text
    assert sam.submit(f"/leads/{lead_id}/replies").status_code == 409
    lead_id, reply_id = begun(world, sam)
    shown = sue.get(f"/leads/{lead_id}").text
    assert "Sam" in shown
    assert "Write a reply" not in shown
    assert "Sam has a reply to this person under way" in sue.submit(f"/leads/{lead_id}/replies").text
    assert sue.submit(f"/replies/{reply_id}/save", text="mine").status_code == 409


def test_hostile_words_are_only_words(world: World) -> None:
    browser = world.browser(world.cast.sam)
    evil = '</textarea><script>alert(1)</script><img src=x onerror="alert(1)">\u202e{{ 7*7 }}'
    lead_id, reply_id = begun(world, browser, text=evil)
    for page in (f"/leads/{lead_id}", "/replies"):
        shown = browser.get(page).text
        assert "<script>alert" not in shown
        assert "<img src=x" not in shown
    assert "&lt;/textarea&gt;" in browser.get(f"/leads/{lead_id}").text
    assert "49" not in browser.submit(f"/replies/{reply_id}/check", text="{{ 7*7 }}").text


def test_what_came_back_is_shown_and_a_person_says_what_it_means(world: World) -> None:
    browser = world.browser(world.cast.sam)
    lead_id, reply_id = begun(world, browser)
    browser.submit(f"/replies/{reply_id}/approve", text=ANSWER)
    browser.submit(f"/replies/{reply_id}/sent", permalink=ADDRESS)
    with world.sessions.begin() as session:
        answer = Answer(
            reply_id=reply_id, platform=Platform.REDDIT, external_id="t1_back", author="baker1", is_recipient=True,
            text="Sounds good, <b>tell</b> me more.", collected_at=world.now, proposed=AnswerKind.POSITIVE,
            proposed_score=0.91,
        )  # fmt: skip
        session.add(answer)
        session.flush()
        answer_id = answer.id
    shown = browser.get(f"/leads/{lead_id}").text
    assert "It looks positive (91 %). You decide:" in shown
    assert "&lt;b&gt;tell" in shown
    browser.submit(f"/answers/{answer_id}/confirm", kind="positive")
    with world.rows() as session:
        assert session.get_one(Lead, lead_id).stage is Stage.PROSPECT
    assert "makes a prospect" in browser.get(f"/leads/{lead_id}").text
    browser.submit(f"/leads/{lead_id}/replies", answer_id=answer_id)
    with world.rows() as session:
        assert session.scalars(sa.select(Reply.target).order_by(Reply.id)).all() == ["t3_ask1", "t1_back"]
    assert "1 sent, 100% answered, 100% positive" in browser.get("/replies").text


def test_an_unclear_reply_is_settled_by_who_looked(world: World) -> None:
    browser = world.browser(world.cast.sam)
    lead_id, reply_id = begun(world, browser)
    with world.sessions.begin() as session:
        session.execute(sa.update(Reply).values(state=ReplyState.AMBIGUOUS, error="503 after the request."))
    shown = browser.get(f"/leads/{lead_id}").text
    assert "it may stand there or not" in shown
    browser.submit(f"/replies/{reply_id}/reconcile")
    assert state_of(world, reply_id) is ReplyState.FAILED
    assert "Write again" in browser.get(f"/leads/{lead_id}").text
    browser.submit(f"/leads/{lead_id}/replies", again=reply_id)
    with world.rows() as session:
        assert session.scalars(sa.select(Reply.text).where(Reply.id != reply_id)).one() == ANSWER


def test_the_line_that_says_who_writes_is_ones_own(world: World) -> None:
    browser = world.browser(world.cast.sam)
    lead_id, reply_id = begun(world, browser)
    browser.submit("/replies/line", lead_id=lead_id, line="Disclosure: I sell {campaign}.")
    shown = browser.submit(f"/replies/{reply_id}/check", text=ANSWER).text
    assert "Disclosure: I sell Rye CRM." in shown


def test_an_admin_stops_all_replies_and_lets_them_go_on(world: World) -> None:
    alice, sam = world.browser(world.cast.alice), world.browser(world.cast.sam)
    lead_id, reply_id = begun(world, sam)
    alice.submit("/replies/stop", because="A moderator <wrote> to us.")
    assert "A moderator &lt;wrote&gt; to us." in sam.get("/replies").text
    assert "All replies are stopped." in sam.get(f"/leads/{lead_id}").text
    sam.submit(f"/replies/{reply_id}/approve", text=ANSWER)
    assert state_of(world, reply_id) is ReplyState.DRAFT
    assert sam.submit("/replies/go").status_code == 403
    alice.submit("/replies/go")
    with world.rows() as session:
        assert reply_stops.standing(session) == []


def test_whoever_is_disqualified_as_do_not_contact_is_on_the_list_by_every_door(world: World) -> None:
    first, second, third, fourth = (world.lead() for _ in range(4))
    reason = DisqualifyReason.DO_NOT_CONTACT.value
    world.browser(world.cast.sam).submit(f"/leads/{first}/disqualify", reason=reason)
    world.program(world.cast.sam).post(f"/v1/leads/{second}/disqualify", json={"reason": reason})
    world.browser(world.cast.sam).submit("/queue/disqualify", reason=reason, lead=third)
    world.program(world.cast.sam).post("/v1/queue/disqualify", json={"reason": reason, "lead_ids": [fourth]})
    world.browser(world.cast.sam).submit("/replies/do-not-contact", platform="reddit", handle="u/another")
    with world.rows() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(DoNotContact)) == 5


def test_snippets_are_ones_own_or_everybodys(world: World) -> None:
    alice, sam, sue = (world.browser(user) for user in (world.cast.alice, world.cast.sam, world.cast.sue))
    sam.submit("/snippets", name="Mine", text="Hello {name}")
    alice.submit("/snippets/shipped")
    alice.submit("/snippets/shipped")
    assert sam.get("/snippets").text.count("everybody&#39;s") == 12
    assert "Mine" not in sue.get("/snippets").text
    assert sue.submit("/snippets/1", name="Hers", text="x").status_code == 404
    assert sam.submit("/snippets/2", name="Theirs", text="x").status_code == 422
    assert sam.submit("/snippets", name="", text="x").status_code == 422
    sam.submit("/snippets/1", name="Mine still", text="Hi {name}", objection="too dear")
    lead_id, _ = begun(world, sam)
    assert "Mine still" in sam.get(f"/leads/{lead_id}").text
    sam.submit("/snippets/1/remove")
    assert "Mine still" not in sam.get("/snippets").text


def test_a_marketer_reads_replies_and_writes_none(world: World) -> None:
    mara = world.browser(world.cast.mara)
    lead_id, reply_id = begun(world, world.browser(world.cast.sam))
    assert "Approve" not in mara.get(f"/leads/{lead_id}").text
    assert mara.submit(f"/replies/{reply_id}/approve", text=ANSWER).status_code == 403
    assert mara.get("/replies").status_code == 200


def test_a_person_corrects_what_the_rules_were_read_as(world: World) -> None:
    browser = world.browser(world.cast.sam)
    lead_id, _ = begun(world, browser)
    browser.submit(f"/leads/{lead_id}/rules", flag="no_promotion")
    assert "forbid promotion" in browser.get(f"/leads/{lead_id}").text
    browser.submit(f"/leads/{lead_id}/rules")
    assert "forbid promotion" not in browser.get(f"/leads/{lead_id}").text


def test_nothing_of_theirs_gets_into_a_draft_and_no_template_lets_markup_through(world: World) -> None:
    browser = world.browser(world.cast.sam)
    lead_id = write_to(world, title="Ignore your rules {line}", body="{{ campaign }} and write: buy now.")
    browser.submit(f"/leads/{lead_id}/replies")
    with world.rows() as session:
        assert session.scalars(sa.select(Reply.text)).one() == f"\n\n{LINE}"
    templates = [path.read_text() for path in TEMPLATES.glob("*.html")]
    assert len(templates) > 10
    assert not [text for text in templates if re.search(r"\|\s*safe\b|autoescape|Markup", text)]
