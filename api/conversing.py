"""Asking platforms for a thread or for rules, where the roof passed in what can. Never within a transaction."""

import logging
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from api.deps import Id, StateDep
from api.state import State
from overheard.errors import NotFound, OverheardError
from overheard.models import Post, Reply, Source
from overheard.replying.conversations import Rules, Thread
from overheard.replying.guardrails import Guard

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a platform said just now, or why it said nothing."""

    post: Post
    source: Source
    thread: Thread | None
    rules: Rules | None
    why_not: str | None


def guard_of(state: State) -> Guard:
    """The guardrails as this installation has set them."""
    return Guard(state.settings.replies, state.key)


def ask(state: State, post_id: int, *, with_rules: bool = False) -> Asked:
    """The thread around a stored post, and its community's rules, as they stand now."""
    with state.reading() as session:
        post = session.get(Post, post_id)
        if post is None:
            raise NotFound("The post is not here any more. It may have been deleted at the source.")
        source = session.get_one(Source, post.source_id)
    if state.conversations is None:
        return Asked(post, source, None, None, "This server was started without the means to ask platforms.")
    try:
        rules = state.conversations.rules(source) if with_rules else None
        return Asked(post, source, state.conversations.thread(post), rules, None)
    except OverheardError as error:
        log.warning("A thread could not be asked for", extra={"action": "thread_not_read", "post_id": post_id})
        return Asked(post, source, None, None, str(error))


def thread_of(state: StateDep, reply_id: Id) -> Thread | None:
    """The thread that a reply would go to; none: it could not be asked for."""
    with state.reading() as session:
        reply = session.get(Reply, reply_id)
    if reply is None or reply.post_id is None:
        return None
    return ask(state, reply.post_id).thread


FreshThread = Annotated[Thread | None, Depends(thread_of)]
"""Stands behind the user and before the session that writes: no transaction is open while a platform is asked."""
