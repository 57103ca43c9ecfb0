"""X, by its paid API: the posts that recent search finds for a query, within a budget of money."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx

from collectors.base import Ask, Collector, Found, Missed, Page, Reading, Tools, Watched
from collectors.http import JsonReader
from collectors.rows import Row, has_id, without_id
from collectors.x.posts import FIELDS, history, id_at, read_post, time_of
from overheard.errors import CollectorError
from overheard.listening.intake import Erased, Item
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, Terms
from overheard.vocabulary import Platform

# US dollars. X charges a post once a day however often it is read, so the true bill is lower, never higher.
# https://docs.x.com/x-api/getting-started/pricing, read in November 2026
PRICE_OF_POST = 0.005
PRICE_OF_USER = 0.010

# Of the budget this share is for new posts. The rest is for looking at leads again, which must not stop.
_FOR_READING = 0.8

_FEWEST, _MOST = 10, 100  # posts of one page, as X takes it
_REACH = timedelta(days=7) - timedelta(minutes=5)  # recent search goes back a week; some minutes for the way there
_BACKFILL_HOURS = "24"


class X(Collector):
    """Reads what recent search finds.

    X wants posts that are deleted there to be deleted here within a day. What is no lead is kept for 23 hours, and a
    lead is looked at again every 23 hours, which leaves an hour for the sweep: looking at all would cost as much again
    as reading.
    """

    platform = Platform.X
    terms = Terms(
        permission="A developer account at X with credits: every post that is read costs money.",
        retention_hours=23,
        recheck=Recheck.LEADS,
        recheck_hours=23,
    )
    account = (Ask("token", "Bearer token of your app (developer.x.com → Projects & Apps → Keys)", is_secret=True),)
    options = (
        Ask("budget", "US dollars that X may cost in a month, all its sources together"),
        Ask("backfill", "Hours back in which the first pass begins", default=_BACKFILL_HOURS),
        Ask("names", f"Ask for authors' names too, for ${PRICE_OF_USER:.3f} each (yes or no)", default="no"),
    )
    address = "The search, as you would type it at X: CRM (recommend OR alternative) lang:en"
    pause = Pause(shortest=60, longest=3_600)

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._resets_in: float | None = None
        self._reader = JsonReader(
            "X",
            str(tools.settings.services.x_url),
            tools,
            headers={"Authorization": f"Bearer {tools.secrets.get('token', '')}"},
            on_answer=self._note_limits,
            on_refusal=self._refusal,
        )

    def close(self) -> None:
        """Hang up."""
        self._reader.close()

    def account_name(self) -> str:
        """The project that pays."""
        usage = self._get("usage/tweets", {}).get("data")
        return f"project {usage.get('project_id') if isinstance(usage, dict) else None}"

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """The search, with what it would cost: how often it was met in the last week is asked for, not the posts."""
        if not address or not address.strip():
            raise CollectorError("X is read by search: give one.", permanent=True)
        answer = self._get("tweets/counts/recent", {"query": _query(address), "granularity": "day"})
        total = _meta(answer).get("total_tweet_count")
        if not isinstance(total, int):
            raise CollectorError("X answered a count in an unknown form.")
        daily = total / 7
        cost = daily * PRICE_OF_POST
        note = f"about {daily:,.0f} posts a day: ${cost:,.2f} a day, ${30 * cost:,.2f} a month"
        return [Found(address.strip(), address.strip(), note)]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """All pages of the search down to the last pass. They come newest first, so the cursor moves at the end."""
        purse = _Purse(source, share=_FOR_READING, now=self._tools.clock())
        where, missed = self._where(source, reading.cursor)
        asked: dict[str, str | int] = {"query": _query(source.address), "tweet.fields": FIELDS, **where}
        if purse.with_names:
            asked |= {"expansions": "author_id", "user.fields": "username"}
        newest = reading.cursor
        token: str | None = None
        while True:
            size = purse.must_pay_for(_FEWEST, _MOST)
            page: dict[str, str | int] = {"max_results": size, **({"next_token": token} if token else {})}
            answer = self._get("tweets/search/recent", {**asked, **page})
            rows, names = _rows(answer), _names(answer)
            self._pay(purse, posts=len(rows), users=len(names))
            newest = max([newest or "0", *(str(row["id"]) for row in rows)], key=int)
            items = [item for row in rows if (item := read_post(row, source.community, names)) is not None]
            items += _without_id(answer)
            following = _meta(answer).get("next_token")
            if not isinstance(following, str) or following == token:
                break
            token = following
            yield Page(items=items)
        # A search that has found nothing yet: the next pass goes on from here all the same.
        yield Page(items=items, missed=missed, cursor=newest if newest != "0" else id_at(self._began(source)))

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Iterable[Item]]:
        """The posts again, in their newest version."""
        purse = _Purse(source, share=1.0, now=self._tools.clock())
        for start in range(0, len(external_ids), _MOST):
            yield self._look_up(source, purse, external_ids[start : start + _MOST])

    def _look_up(self, source: Watched, purse: "_Purse", ids: Sequence[str]) -> list[Item]:
        rows, gone = self._posts(purse, ids)
        newer = {history(row)[-1] for row in rows} - {str(row["id"]) for row in rows}
        if newer:  # an id stands for one version
            latest, _ = self._posts(purse, sorted(newer))
            rows = [row for row in rows if history(row)[-1] not in newer] + latest
        items = [item for row in rows if (item := read_post(row, source.community, {})) is not None]
        return [*items, *(Erased(Platform.X, id_) for id_ in gone)]

    def _posts(self, purse: "_Purse", ids: Sequence[str]) -> tuple[list[Row], list[str]]:
        """Those that are there, and the ids of those that are not, or not for everybody any more."""
        purse.must_pay_for(len(ids), len(ids))
        answer = self._get("tweets", {"ids": ",".join(ids), "tweet.fields": FIELDS})
        rows, errors = _rows(answer, needs_meta=False), answer.get("errors")
        self._pay(purse, posts=len(rows), users=0)
        told = [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []
        gone = [str(error.get("resource_id")) for error in told if error.get("title") in _GONE]
        return rows, [id_ for id_ in ids if id_ in gone]

    def _where(self, source: Watched, cursor: str | None) -> tuple[dict[str, str | int], list[Missed]]:
        """From where on to search, and what search does not reach any more."""
        oldest = self._tools.clock() - _REACH
        if cursor is None:
            return {"start_time": _stamp(max(self._began(source), oldest))}, []
        if time_of(cursor) >= oldest:
            return {"since_id": cursor}, []
        gap = Missed(cursor, id_at(oldest), "X's search goes back seven days, and nothing was read for longer")
        return {"start_time": _stamp(oldest)}, [gap]

    def _began(self, source: Watched) -> datetime:
        hours = _number(source, "backfill", _BACKFILL_HOURS)
        return self._tools.clock() - timedelta(hours=hours)

    def _pay(self, purse: "_Purse", *, posts: int, users: int) -> None:
        cost = posts * PRICE_OF_POST + users * PRICE_OF_USER
        purse.spent += cost
        self._tools.meter.count(0, cost=cost)

    def _get(self, path: str, params: Mapping[str, str | int]) -> Row:
        answer = self._reader.get(path, params)
        if not isinstance(answer, dict):
            raise CollectorError(f"X answered {path} in an unknown form.")
        return answer

    def _note_limits(self, headers: httpx.Headers) -> None:
        told = {name: headers.get(f"x-rate-limit-{name}", "") for name in ("limit", "remaining", "reset")}
        numbers = {name: float(value) for name, value in told.items() if value.isascii() and value.isdigit()}
        if (at := numbers.pop("reset", None)) is not None:
            self._resets_in = numbers["resets_in"] = max(0.0, at - self._tools.clock().timestamp())
        self._tools.meter.budget = numbers or self._tools.meter.budget

    def _refusal(self, status: int, answer: object) -> CollectorError | None:
        match status:
            case 429 if self._resets_in:
                return CollectorError("X asks us to slow down.", retry_after=self._resets_in)
            case 400:
                return CollectorError(f"X cannot read this search: {_said(answer)}", permanent=True)
            case 401:
                message = "X does not know this bearer token. Make a new one (developer.x.com → Keys and tokens)."
                return CollectorError(message, permanent=True)
            case 402:
                return CollectorError("The credits at X are used up: buy some (developer.x.com).", permanent=True)
            case 403:
                return CollectorError(f"X does not allow this with your account: {_said(answer)}", permanent=True)
        return None


# What a look-up says of a post that was deleted, and of one that only followers may see, or whose author is suspended.
_GONE = frozenset({"Not Found Error", "Authorization Error"})


@dataclass(slots=True)
class _Purse:
    """How much may still be spent this month."""

    source: Watched
    share: float
    now: datetime
    spent: float = 0.0
    """In this pass."""

    @property
    def with_names(self) -> bool:
        return self.source.options.get("names", "no").lower() in {"yes", "y", "true", "1"}

    def must_pay_for(self, fewest: int, most: int) -> int:
        """How many posts can be asked for, `most` at best; an error where not even the fewest could be paid."""
        budget = _number(self.source, "budget", None)
        price = PRICE_OF_POST + (PRICE_OF_USER if self.with_names and self.share < 1 else 0)
        left = self.share * budget - self.source.spent - self.spent
        size = min(most, int(left / price + 1e-9))
        if size >= fewest:
            return size
        so_far = f"${self.source.spent + self.spent:.2f} of ${budget:.2f}"
        begins = _next_month(self.now)
        if self.share < 1:
            # Without a time to come back, as until then the leads of this source could not be looked at again either.
            raise CollectorError(
                f"This month's budget for reading X is spent ({so_far}; the rest is for looking at leads again). "
                f"Reading goes on on {begins:%Y-%m-%d}, or when the option budget is raised."
            )
        wait = (begins - self.now).total_seconds()
        raise CollectorError(
            f"This month's budget for X is spent ({so_far}): leads cannot be looked at again until {begins:%Y-%m-%d}. "
            "Raise the option budget, or remove the source with its posts.",
            retry_after=wait,
        )


def _next_month(now: datetime) -> datetime:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def _query(address: str) -> str:
    """Reposts say what is said elsewhere, and each would be paid for."""
    address = address.strip()
    return address if "is:retweet" in address else f"({address}) -is:retweet"


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _number(source: Watched, name: str, default: str | None) -> float:
    value = source.options.get(name, default)
    try:
        number = float(value or "")
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:  # noqa: PLR2004 - also keeps nan and inf out
        raise CollectorError(f"The option {name} of an X source takes a number, not {value!r}.", permanent=True)
    return number


def _meta(answer: Row) -> Row:
    meta = answer.get("meta")
    if not isinstance(meta, dict):
        raise CollectorError("X answered in an unknown form.")
    return meta


def _rows(answer: Row, *, needs_meta: bool = True) -> list[Row]:
    """The posts of an answer that have an id. None at all is an answer too, but it must say so."""
    given = answer.get("data", [])
    rows = [row for row in given if has_id(row)] if isinstance(given, list) else []
    says_why = rows or (_meta(answer).get("result_count") == 0 if needs_meta else answer.get("errors"))
    if not isinstance(given, list) or (given and not rows) or not says_why:
        raise CollectorError("X answered a search in an unknown form.")
    return rows


def _without_id(answer: Row) -> list[Item]:
    """What stands in a good answer and cannot be told from others."""
    given = answer.get("data", [])
    unread = [row for row in given if not has_id(row)] if isinstance(given, list) else []
    return [without_id("a post", row, Platform.X) for row in unread]


def _names(answer: Row) -> dict[str, str]:
    includes = answer.get("includes")
    users = includes.get("users") if isinstance(includes, dict) else None
    known = [user for user in users if isinstance(user, dict)] if isinstance(users, list) else []
    return {str(user.get("id")): str(user.get("username")) for user in known}


def _said(answer: object) -> str:
    if not isinstance(answer, dict):
        return "it did not say why."
    errors = answer.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else answer
    return str(first.get("message") or first.get("detail") or "it did not say why.")[:300]
