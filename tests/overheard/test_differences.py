"""What the shadow would change: posts that only one version would show, the surest first."""

from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy.orm import Session

from overheard.modelling.differences import differences
from overheard.modelling.vocabulary import ModelState
from overheard.models import ShadowPrediction
from overheard.vocabulary import Intent
from tests.factories import MODEL, make_campaign, new_post, predict, store
from tests.model_versions import make_version, settings_in


def test_posts_that_one_version_alone_would_show_come_first(session: Session, tmp_path: Path, now: datetime) -> None:
    settings = settings_in(tmp_path)
    champion = make_version(session, settings, MODEL, state=ModelState.CHAMPION, threshold=0.5, now=now)
    shadow = make_version(session, settings, "dark", state=ModelState.SHADOW, threshold=0.7, now=now)
    make_campaign(session, now=now, queries={"crm": "crm"}, threshold=None)

    def said(title: str, score: float, shadow_score: float, *, at: datetime = now, body: str = "") -> None:
        post = store(session, new_post(title=title, author=title, body=body), now=now)[0]
        predict(session, post, now=now, score=score)
        session.add(
            ShadowPrediction(
                post_id=post.id,
                version_id=shadow.id,
                score=shadow_score,
                intent=Intent.ADVICE,
                evidence=[["title", 0, 3, 0.4]],
                is_judged=True,
                at=at,
            )
        )

    said("both crm", 0.9, 0.75)
    said("lost crm", 0.6, 0.65)  # over the champion's threshold, under the shadow's own
    said("won crm", 0.1, 0.9)
    said("neither crm", 0.49, 0.05)
    said("no campaign asks for ovens", 0.1, 0.99, body="An oven.")
    said("old crm", 0.1, 0.9, at=now - timedelta(days=15))
    store(session, new_post(title="unseen crm"), now=now)
    session.flush()
    found = differences(session, shadow, champion, now=now)
    assert (found.posts, found.both, found.only_champion, found.only_shadow) == (5, 1, 1, 1)
    assert [(one.post.title, one.champion.shows, one.shadow.shows) for one in found.listed] == [
        ("won crm", False, True),
        ("lost crm", True, False),
        ("no campaign asks for ovens", False, False),
        ("neither crm", False, False),
        ("both crm", True, True),
    ]
    first = found.listed[0]
    assert (first.community, first.shadow.intent, first.shadow.evidence) == (
        "r/bakers",
        Intent.ADVICE,
        [("title", 0, 3)],
    )
    assert [one.post.title for one in differences(session, shadow, champion, now=now, limit=1).listed] == ["won crm"]
