"""GitHub: issues, their comments, and discussions of a repository, each by when they last changed.

With plain HTTP: PyGithub sends a POST again after a failure by design, and hides the headers that bound the waiting.
"""

import json
import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import httpx

from collectors.base import Ask, Collector, Found, Missed, Page, Reading, Tools, Watched
from collectors.github import graphql
from collectors.github.posts import changed_at, read_node, read_rest
from collectors.http import JsonReader, retry_after
from collectors.paging import oldest_change_first
from collectors.rows import Row
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Item
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, ReplyWay, Terms
from overheard.vocabulary import Platform, PostKind

_PAGE = 100  # the most that the API gives
_BACKFILL = timedelta(days=7)
# `since` has whole seconds, and a copy of the database that answers may lag behind another.
_OVERLAP = timedelta(minutes=5)
_MOST_PAGES = 25  # of discussions in one pass
_SLOW_DOWN = 60.0  # seconds; GitHub's word for a secondary limit that names no time
_MOST_NAMED = 30

_LIMITED = frozenset({403, 429})
_REPOSITORY = re.compile(r"^(?:https?://)?(?:www\.)?(?:github\.com/)?([\w.-]+)/([\w.-]+?)(?:\.git)?(?:/.*)?$")
_Stream = Literal["issues", "comments"]
_STREAMS: tuple[tuple[_Stream, PostKind], ...] = (("issues", PostKind.SUBMISSION), ("comments", PostKind.COMMENT))


class _SwitchedOffError(CollectorError):
    """The repository has no issues (410)."""


@dataclass(frozen=True, slots=True)
class _State:
    """The cursor: how far each of the three has been read, and what an unchanged answer is known by."""

    issues: str
    comments: str
    discussions: str
    issues_etag: str | None = None
    comments_etag: str | None = None

    @classmethod
    def of(cls, cursor: str | None, *, now: datetime) -> "_State":
        start = (now - _BACKFILL + _OVERLAP).isoformat(timespec="seconds")
        return cls(**json.loads(cursor)) if cursor else cls(start, start, start)

    def moved(self, stream: _Stream, reached: str, etag: str | None) -> "_State":
        if stream == "issues":
            return replace(self, issues=reached, issues_etag=etag)
        return replace(self, comments=reached, comments_etag=etag)

    def __str__(self) -> str:
        return json.dumps(asdict(self))


class GitHub(Collector):
    """Reads with a token, which is what its limits are for."""

    platform = Platform.GITHUB
    terms = Terms(
        permission="A token of your own account. GitHub's rules forbid promotion that nobody asked for: answer where "
        "it is on topic.",
        recheck=Recheck.ALL,
        can_reply=ReplyWay.API,
    )
    account = (
        Ask("token", "Fine-grained token, public repositories, no further rights (github.com/settings/tokens)", True),
    )
    address = "Repository, as owner/name"
    pause = Pause(shortest=60, longest=900)

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._resets_in: float | None = None
        self._retry_after: str | None = None
        self._reader = JsonReader(
            "GitHub",
            str(tools.settings.services.github_url),
            tools,
            headers={
                "Authorization": f"Bearer {tools.secrets.get('token', '')}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            },
            on_answer=self._note_limits,
            on_refusal=self._refusal,
            follows=True,  # a repository that was renamed answers with where it is now
        )

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def account_name(self) -> str:
        """Whose token it is."""
        answer = self._reader.get("user")
        login = answer.get("login") if isinstance(answer, dict) else None
        if not isinstance(login, str):
            raise CollectorError("GitHub did not say whose token this is.")
        return login

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """A repository, or the ones that the account watches."""
        if address is None:
            watched = self._reader.get("user/subscriptions", {"per_page": _MOST_NAMED})
            return [_found(each) for each in watched if isinstance(each, dict)] if isinstance(watched, list) else []
        owner, name = _typed(address)
        answer = self._reader.get(f"repos/{owner}/{name}")
        if not isinstance(answer, dict):
            raise CollectorError(f"GitHub answered {owner}/{name} in an unknown form.")
        return [_found(answer)]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """Issues, comments, discussions that changed since the last pass."""
        state = _State.of(reading.cursor, now=self._tools.clock())
        for stream, kind in _STREAMS:
            state = yield from self._rest(source, state, stream, kind)
        yield from self._discussions(source, state)

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Sequence[Item]]:
        """A hundred nodes at once; those that are not there any more are gone."""
        for start in range(0, len(external_ids), _PAGE):
            found = graphql.nodes(self._reader, external_ids[start : start + _PAGE])
            items: list[Item] = []
            for id_, node in found.items():
                item = read_node(node, community=source.community) if node else Erased(Platform.GITHUB, id_)
                items += [item] if item is not None else []
            yield items

    def _rest(self, source: Watched, state: _State, stream: _Stream, kind: PostKind) -> Generator[Page, None, _State]:
        """Issues or comments; how far all three have been read by then."""
        owner, name = _typed(source.address)
        path = f"repos/{owner}/{name}/issues" + ("/comments" if stream == "comments" else "")
        told: dict[str, str | int] = {"sort": "updated", "direction": "asc", "per_page": _PAGE}
        if stream == "issues":
            told["state"] = "all"
        begun = getattr(state, stream)
        cursor = datetime.fromisoformat(begun)
        start, etag = cursor - _OVERLAP, getattr(state, f"{stream}_etag")
        marks: list[str | None] = []

        def ask(since: datetime, number: int) -> tuple[Sequence[Row], bool]:
            params = {**told, "since": f"{since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}", "page": number}
            answer = self._reader.get_if_changed(path, params, etag=None if marks else etag)
            marks.append(etag if answer is None else answer[1])
            items = _items(answer[0], path) if answer is not None else []
            return items, len(items) == _PAGE

        try:
            for items, reached in oldest_change_first(ask, changed_at, start):
                read = [read_rest(item, kind=kind, community=source.community) for item in items]
                cursor = min(max(cursor, reached), self._tools.clock())
                now_at = cursor.isoformat(timespec="seconds")
                # An answer's mark is good for the question that got it, so only while we begin where we began, and only
                # if that one answer was all.
                is_all = now_at == begun and len(marks) == 1 and len(items) < _PAGE
                state = state.moved(stream, now_at, marks[0] if is_all else None)
                yield Page(items=[item for item in read if item is not None], cursor=str(state))
        except _SwitchedOffError:
            pass
        return state

    def _discussions(self, source: Watched, state: _State) -> Iterator[Page]:
        """The newest change first, so the cursor moves with the last page."""
        owner, name = _typed(source.address)
        since = datetime.fromisoformat(state.discussions) - _OVERLAP
        newest, oldest = datetime.fromisoformat(state.discussions), None
        for number, (found, has_more) in enumerate(graphql.discussions(self._reader, owner, name), start=1):
            changed = [node for node in found if changed_at(node) >= since]
            newest = max([newest, *map(changed_at, changed)])
            oldest = min(map(changed_at, changed), default=oldest)
            yield Page(items=[item for node in changed for item in _discussion(node, source.community)])
            if len(changed) < len(found) or not has_more:
                break
            if number == _MOST_PAGES:
                reason = f"discussions changed faster than {number} pages a pass"
                gap = Missed(state.discussions, oldest.isoformat() if oldest else state.discussions, reason)
                yield Page(missed=[gap])
                break
        newest = min(newest, self._tools.clock())
        yield Page(cursor=str(replace(state, discussions=newest.isoformat(timespec="seconds"))))

    def _note_limits(self, headers: httpx.Headers) -> None:
        self._retry_after = headers.get("Retry-After")
        try:
            limit, remaining, resets = (
                float(headers[f"X-RateLimit-{name}"]) for name in ("Limit", "Remaining", "Reset")
            )
        except (KeyError, ValueError):
            return
        resets_in = max(0.0, resets - self._tools.clock().timestamp())
        self._resets_in = resets_in if remaining < 1 else None
        self._tools.meter.budget = {"limit": limit, "remaining": remaining, "resets_in": resets_in}

    def _refusal(self, status: int, answer: object) -> CollectorError | None:
        message = str(answer.get("message", "")) if isinstance(answer, dict) else ""
        if status == 401:  # noqa: PLR2004
            return CollectorError("GitHub does not take the token. Make a new one and add it again.", permanent=True)
        if status == 410:  # noqa: PLR2004
            return _SwitchedOffError("The repository has no issues.", permanent=True)
        if status in _LIMITED and self._resets_in is not None:
            return CollectorError("GitHub's limit is used up.", retry_after=self._resets_in + 1)
        if status in _LIMITED and ("secondary rate limit" in message.lower() or "abuse" in message.lower()):
            told = retry_after(self._retry_after, now=self._tools.clock())
            return CollectorError("GitHub asks us to be slower.", retry_after=told or _SLOW_DOWN)
        if status == 404:  # noqa: PLR2004
            hint = "There is no such repository, or the token may not see it."
            return CollectorError(hint, permanent=True)
        return None


def _typed(address: str) -> tuple[str, str]:
    """`owner/name`, or the address of any page of the repository."""
    found = _REPOSITORY.match(address.strip())
    if found is None:
        raise CollectorError(f"{address!r} names no repository: write owner/name.", permanent=True)
    return found[1], found[2]


def _found(repository: Row) -> Found:
    name = str(repository.get("full_name"))
    notes = ["private"] if repository.get("private") else ["public"]
    notes += ["archived"] if repository.get("archived") else []
    notes += [] if repository.get("has_issues", True) else ["no issues"]
    notes += ["discussions"] if repository.get("has_discussions") else []
    return Found(name, name, ", ".join(notes))


def _items(answer: object, path: str) -> list[Row]:
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise CollectorError(f"GitHub answered {path} in an unknown form.")
    return answer


def _discussion(node: Row, community: str) -> Iterator[Item]:
    """A discussion, the comments below it, and the replies below those."""
    found: list[tuple[Row, object]] = [(node, None)]
    for comment in graphql.nodes_in(node.get("comments")):
        found.append((comment, node.get("id")))
        found += [(reply, comment.get("id")) for reply in graphql.nodes_in(comment.get("replies"))]
    for each, parent in found:
        own = {name: value for name, value in each.items() if name not in {"comments", "replies"}}
        item = read_node(own, community=community, parent=parent if isinstance(parent, str) else None)
        if item is not None:
            yield item
