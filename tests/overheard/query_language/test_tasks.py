"""Ten tasks as marketers bring them, each solved by one query: what it must find, and what it must leave."""

from dataclasses import dataclass

import pytest

from overheard.query_language import Matcher, PostText, read
from overheard.vocabulary import Platform, PostKind


@dataclass(frozen=True)
class Task:
    """What somebody wants, and how they write it."""

    wish: str
    query: str
    finds: tuple[PostText, ...]
    leaves: tuple[PostText, ...]


def _post(
    title: str,
    body: str = "",
    *,
    author: str = "ann",
    community: str = "r/bakers",
    platform: Platform = Platform.REDDIT,
    kind: PostKind = PostKind.SUBMISSION,
    language: str = "en",
) -> PostText:
    return PostText(title, body, author, community, platform, kind, language)


TASKS = (
    Task(
        "Who wants to leave our rival, and is not of their staff",
        '(alternative* OR "instead of" OR leav* OR switch*) near/6 (deskly OR deskly.com) -author:deskly_*',
        (
            _post("Alternative to Deskly?", "It got too dear for four agents."),
            _post("We are leaving deskly.com after six years, what now?"),
            _post("", "What do you use instead of Deskly for a shop?"),
        ),
        (
            _post("Deskly was down again"),
            _post("Looking for an alternative to Deskly?", "Come talk to us.", author="deskly_tim"),
        ),
    ),
    Task(
        "Who looks for C++ people to hire by the hour, not who offers a job",
        '`C++` (freelanc* OR contractor* OR "by the hour") -("full time" OR "full-time" OR salary)',
        (_post("Need a C++ contractor for two weeks"), _post("Where do you find freelancers?", "For C++17.")),
        (
            _post("C++ full-time position", "No freelancers please"),
            _post("A contractor who knows c plus plus"),
            _post("Freelancer for C wanted"),
        ),
    ),
    Task(
        "A complaint: the tool and the trouble within five words of one another",
        "(invoice* OR invoicing) near/5 (slow OR broken OR mess OR nightmare)",
        (_post("Our invoicing is such a mess"), _post("", "Broken again: half of the invoices went to nobody.")),
        (
            _post("Invoicing is fine", "It was the long and winding road to the bank that was slow."),
            _post("What a mess", "Then I made an invoice."),
        ),
    ),
    Task(
        "Whoever names our site, however they hide it from robots",
        "ryecrm.com",
        (
            _post("Has anybody tried ryecrm[.]com?"),
            _post("", "see hxxps://www.ryecrm (dot) com/pricing"),
            _post("", "mail them at sales.ryecrm.com"),
        ),
        (_post("my-ryecrm.com"), _post("ryecrm.com.example.org is a copy")),
    ),
    Task(
        "Bookings in all forms of the word, but no music",
        '(~booking OR reservation*) (software OR system* OR tool*) -(dj OR "band booking" OR gig*)',
        (_post("Which booking system for a hair salon?"), _post("", "Tools that take reservations by text?")),
        (_post("Booking tool for DJs", "I am a DJ"), _post("Booked a table"), _post("Gigs, and a tool for booking")),
    ),
    Task(
        "Only questions of some length, no link dumps",
        'has:question min_words:8 (crm OR "customer list") -has:link',
        (_post("CRM for a bakery?", "We are three people and lose every second call."),),
        (
            _post("CRM?"),
            _post("Our CRM is out", "Read all about it and tell us what you think of it"),
            _post("Which CRM is best?", "I compared nine of them for you here: https://example.org/nine"),
        ),
    ),
    Task(
        "Who asks for a price of ninety-nine a month, sign and all",
        "(`$99` OR `99$` OR `€99`) (month* OR cheaper)",
        (_post("$99 a month for that?"), _post("", "Is there a cheaper one than €99?")),
        (_post("$999 a month"), _post("I have 99 problems this month")),
    ),
    Task(
        "One community and its comments alone, without the weekly threads",
        'community:smallbusiness type:comment (recommend* OR suggest*) -"weekly thread"',
        (_post("", "Could you recommend one?", community="r/SmallBusiness", kind=PostKind.COMMENT),),
        (
            _post("Recommend me one", community="r/smallbusiness"),
            _post("", "I suggest bread", community="r/bakers", kind=PostKind.COMMENT),
            _post("", "Weekly thread: recommend", community="r/smallbusiness", kind=PostKind.COMMENT),
        ),
    ),
    Task(
        "A phrase with any one word in it, in order",
        '"best * for (bakeries OR bakery)" OR "best * for bakeries"',
        (_post("Best software for bakeries"), _post("", "the best till for bakeries, please")),
        (_post("Best for bakeries"), _post("Bakeries: which software is best?"), _post("best new till for bakeries")),
    ),
    Task(
        "German posts about customers, whatever becomes of the umlaut",
        "lang:de (kundenverwaltung OR *kartei) (suche* OR empfehl*)",
        (
            _post("Suche Kundenverwaltung für Bäckerei", language="de"),
            _post("", "Könnt ihr eine Kundenkartei empfehlen?", language="de"),
        ),
        (_post("Suche Kundenverwaltung", language="en"), _post("Unsere Kundenkartei brennt", language="de")),
    ),
)


@pytest.mark.parametrize("task", TASKS, ids=[task.wish for task in TASKS])
def test_a_task_is_solved_by_one_query_in_the_stream_and_alone(task: Task) -> None:
    query = read(task.query)
    matcher = Matcher({1: query})
    for found in task.finds:
        assert query.find(found) is not None, found
        assert 1 in matcher.match(found), found
    for left in task.leaves:
        assert query.find(left) is None, left
        assert matcher.match(left) == {}, left


def test_letters_of_another_alphabet_that_look_alike_hide_nothing() -> None:
    cyrillic = "\u0441rm"  # the first letter is a Cyrillic one
    assert read("crm").find(_post(f"Which {cyrillic}?")) is not None
