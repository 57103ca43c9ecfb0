"""The sources that are read live: adding, listing, checking, pausing and removing them."""

from datetime import datetime

from sqlalchemy.orm import Session

from overheard import sources

_READ_WITHOUT_A_KEY = "hackernews"


def watch_something(session: Session, *, now: datetime) -> bool:
    """Where nobody has ever chosen what to read: read what needs no key. Whether that was so."""
    from collectors import collector_class
    from collectors.hackernews_items import COMMUNITY

    if sources.was_ever_watched(session):
        return False
    collector = collector_class(_READ_WITHOUT_A_KEY)
    sources.add(
        session,
        mode=_READ_WITHOUT_A_KEY,
        platform=collector.platform,
        community=COMMUNITY,
        address="",
        terms=collector.terms,
        now=now,
    )
    return True
