"""Stack Exchange: questions and answers of a site, or of some of its tags, by when something last happened to them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Self

import httpx

from collectors.base import Ask, Collector, Found, Page, Reading, Tools, Watched
from collectors.http import JsonReader
from collectors.paging import oldest_change_first
from collectors.rows import Row
from collectors.stackexchange.items import changed_at, external_id, read_item
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Item
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, ReplyWay, Terms
from overheard.vocabulary import Platform

_PAGE = 100  # the most that the API gives
_BACKFILL = timedelta(days=3)
_OVERLAP = timedelta(minutes=10)  # its caches may show a change some minutes late
_LONGEST_NAP = 60.0  # seconds; a longer backoff ends the pass
_BLOCKED = 3_600.0
_THROTTLED = 502  # error_id
_NEEDS_OPERATOR = frozenset({400, 401, 402, 403, 404, 405, 406})  # error_ids: no such site, key not taken, …
_SECONDS = re.compile(r"available in (\d+) seconds")
_SITE = re.compile(r"[a-z0-9.-]{1,80}")


@dataclass(frozen=True)
class _Walk:
    """The cursor: a walk over all that changed, which may have broken off."""

    reached: datetime
    """Questions are read up to here."""
    begun_at: datetime
    """Answers are, up to here: one that is older than `reached` may stand below a question that changed again since."""

    @classmethod
    def of(cls, cursor: str) -> Self:
        times = [datetime.fromtimestamp(int(part), UTC) for part in cursor.split()]
        return cls(times[0], times[-1])

    def __str__(self) -> str:
        return f"{self.reached.timestamp():.0f} {self.begun_at.timestamp():.0f}"


class StackExchange(Collector):
    """Reads API 2.3, plainly: the client on PyPI asks for all sites when it is made, and waits without a limit."""

    platform = Platform.STACKEXCHANGE
    terms = Terms(
        permission="None: texts are under CC BY-SA, so author and link are kept and shown. A free key raises the limit "
        "from 300 questions a day to 10,000. Who recommends their own product there must say that it is theirs.",
        recheck=Recheck.ALL,
        can_reply=ReplyWay.ASSISTED,
        may_train=True,
    )
    account = (
        Ask(
            "key", "Key of an app registered at stackapps.com (empty: 300 questions a day)", is_secret=True, default=""
        ),
    )
    address = "Site and tags: `softwarerecs`, `stackoverflow/crm` or `superuser/backup;sync` (which wants both tags)"
    pause = Pause(shortest=600, longest=3_600)  # 144 passes a day: within the limit for those without a key

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        base_url = str(tools.settings.services.stackexchange_url)
        self._reader = JsonReader("Stack Exchange", base_url, tools, on_refusal=_refusal)
        self._backoffs: dict[str, float] = {}
        """What each method asked us to wait before it is called again."""

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def account_name(self) -> str:
        """The app behind a key cannot be asked for, so the key is tried."""
        self._get("info", "stackoverflow")
        return "with a key" if self._tools.secrets.get("key") else "without a key"

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """A site, or some tags of it; pages of theirs do as well."""
        if address is None:
            return []
        site, tags = _typed(address)
        self._get("info", site)
        note = "public"
        if tags:
            counted = self._get(f"tags/{';'.join(tags)}/info", site)
            missing = set(tags) - {str(tag.get("name")) for tag in _items(counted)}
            if missing:
                raise CollectorError(f"{site} has no tag {', '.join(sorted(missing))}.", permanent=True)
            note = ", ".join(f"{tag.get('name')}: {tag.get('count')} questions" for tag in _items(counted))
        name = "/".join([site, ";".join(tags)] if tags else [site])
        return [Found(name, name, note)]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """Questions to which something happened since the last pass, with the answers that are the reason."""
        first = self._tools.clock() - _BACKFILL + _OVERLAP
        walk = _Walk.of(reading.cursor) if reading.cursor else _Walk(first, first)
        site, tags = _typed(source.address)

        def ask(since: datetime, number: int) -> tuple[Sequence[Row], bool]:
            told = _since(since, number) | ({"tagged": ";".join(tags)} if tags else {})
            answer = self._get("questions", site, told)
            return [*_items(answer)], answer.get("has_more") is True

        for questions, reached in oldest_change_first(ask, changed_at, walk.reached - _OVERLAP):
            answers = self._answers(site, questions, walk.begun_at - _OVERLAP)
            items = [read_item(item, site=site, community=source.community) for item in (*questions, *answers)]
            walk = replace(walk, reached=min(max(walk.reached, reached), self._tools.clock()))
            yield Page(items=items, cursor=str(walk))
        yield Page(cursor=str(_Walk(walk.reached, walk.reached)))
        for method in list(self._backoffs):
            self._wait(method)  # whoever comes next may be another process

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Sequence[Item]]:
        """The posts again; those that do not come back are gone."""
        site, _ = _typed(source.address)
        by_kind: dict[str, list[str]] = {}
        for wanted in external_ids:
            _, kind, number = wanted.rsplit(":", 2)
            by_kind.setdefault(kind, []).append(number)
        for kind, numbers in by_kind.items():
            for start in range(0, len(numbers), _PAGE):
                asked = numbers[start : start + _PAGE]
                found = _items(self._get(f"{kind}s/{';'.join(asked)}", site))
                gone = {f"{site}:{kind}:{number}" for number in asked} - {external_id(item, site) for item in found}
                yield [
                    *(read_item(item, site=site, community=source.community) for item in found),
                    *(Erased(Platform.STACKEXCHANGE, each) for each in sorted(gone)),
                ]

    def _answers(self, site: str, questions: Sequence[Row], since: datetime) -> Sequence[Row]:
        """What was answered to these questions in that time; each knows the link of its question."""
        links = {question.get("question_id"): question.get("link") for question in questions}
        answered = [str(question.get("question_id")) for question in questions if question.get("answer_count")]
        if not answered:
            return []

        def ask(since: datetime, number: int) -> tuple[Sequence[Row], bool]:
            answer = self._get(f"questions/{';'.join(answered)}/answers", site, _since(since, number))
            return [*_items(answer)], answer.get("has_more") is True

        found = [item for items, _ in oldest_change_first(ask, changed_at, since) for item in items]
        return [{**item, "question_link": links.get(item.get("question_id"))} for item in found]

    def _get(self, path: str, site: str, params: Mapping[str, str | int] | None = None) -> Row:
        method = re.sub(r"/[^/]+", "", path, count=1)  # its limits are for methods, whatever ids are asked for
        self._wait(method)
        told: dict[str, str | int] = {"site": site, "filter": "withbody", "pagesize": _PAGE, **(params or {})}
        if path == "info":
            told = {"site": site}
        if key := self._tools.secrets.get("key"):
            told["key"] = key
        answer = self._reader.get(path, told)
        if not isinstance(answer, dict) or not isinstance(answer.get("items"), list):
            raise CollectorError(f"Stack Exchange answered {path.partition('/')[0]} in an unknown form.")
        if isinstance(answer.get("backoff"), int):
            self._backoffs[method] = float(answer["backoff"])
        self._note_quota(answer)
        return answer

    def _wait(self, method: str) -> None:
        seconds = self._backoffs.get(method, 0.0)
        if seconds > _LONGEST_NAP:
            raise CollectorError(f"Stack Exchange asked us to wait {seconds:.0f} seconds.", retry_after=seconds)
        if self._backoffs.pop(method, None):
            self._tools.sleep(seconds)

    def _note_quota(self, answer: Row) -> None:
        limit, remaining = answer.get("quota_max"), answer.get("quota_remaining")
        if isinstance(limit, int) and isinstance(remaining, int):
            self._tools.meter.budget = {"limit": limit, "remaining": remaining}


def _since(since: datetime, number: int) -> dict[str, str | int]:
    return {"sort": "activity", "order": "asc", "min": int(since.timestamp()), "page": number}


def _items(answer: Row) -> Sequence[Row]:
    items = answer["items"]
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise CollectorError("Stack Exchange answered with something other than items.")
    return items


def _typed(address: str) -> tuple[str, list[str]]:
    """Site and tags: `softwarerecs/crm;mac`, or the address of a page of theirs."""
    text = address.strip().removeprefix("https://").removeprefix("http://").removeprefix("www.").rstrip("/")
    host, _, path = text.partition("/")
    site = host.lower().removesuffix(".stackexchange.com").removesuffix(".com")
    tags = path.removeprefix("questions").strip("/").removeprefix("tagged").strip("/").partition("?")[0]
    found = [httpx.URL(f"https://x/{tag}").path[1:].lower() for tag in re.split(r"[;+ ]", tags) if tag]
    if not _SITE.fullmatch(site) or any("/" in tag for tag in found):
        raise CollectorError(f"{address!r} names no site: write `softwarerecs` or `stackoverflow/crm`.", permanent=True)
    return site, found


def _refusal(status: int, answer: object) -> CollectorError | None:
    told = answer if isinstance(answer, dict) else {}
    number, message = told.get("error_id"), str(told.get("error_message", ""))
    if number == _THROTTLED:
        seconds = _SECONDS.search(message)
        wait = float(seconds[1]) if seconds else _BLOCKED
        return CollectorError("Stack Exchange says that we ask too much.", retry_after=min(wait, 86_400.0))
    if number in _NEEDS_OPERATOR:
        return CollectorError(f"Stack Exchange refuses: {message[:200]} (error {number}).", permanent=True)
    if not told and status < 500 and status != 429:  # noqa: PLR2004 - a wall before the API: it opens again
        return CollectorError(f"Stack Exchange cannot be read now ({status}).", retry_after=_BLOCKED)
    return None
