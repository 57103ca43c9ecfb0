"""Bluesky by its public stream (Jetstream v2): every post of the network, or of some accounts, as it is written.

We keep the cursor ourselves: the network's own client moves it before a post is handed over, and skips what it cannot
read without a word (tests/collectors/contracts/test_atproto.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from collectors.base import Ask, Collector, Found, Page, Reading, Tools, Watched
from collectors.bluesky.events import Names, Reader, primary_languages, read_post
from collectors.bluesky.passes import Pass
from collectors.http import JsonReader
from collectors.run import OPTION_KEEP
from overheard.errors import CollectorError, InvalidInput
from overheard.listening.intake import Erased, Item
from overheard.listening.sources import Pause
from overheard.listening.terms import Recheck, ReplyWay, Terms
from overheard.vocabulary import Platform

COMMUNITY = "Bluesky"

_AT_ONCE = 25  # posts or profiles of one question
_MOST_ACCOUNTS = (
    100  # their ids stand in the address of the stream, and servers take addresses up to some thousand bytes
)

# Where the first pass begins. All of Bluesky writes some fifty posts a second; an account writes some a day.
_FIRST_OF_ALL = timedelta(minutes=10)
_FIRST_OF_SOME = timedelta(hours=24)


class Bluesky(Collector):
    """Subscribes to Jetstream, and asks the public API what has become of leads."""

    platform = Platform.BLUESKY
    terms = Terms(
        permission="None: the network is public, and its stream is open to everybody. Bluesky's guidelines ask bots to "
        "speak only to those who spoke to them: so a person answers, in their own words and from their own account.",
        # Only leads are asked for again. Of other posts we hear that they are gone from the stream alone, which
        # forgets after 36 hours: whoever was away for longer must not keep for ever what was deleted meanwhile.
        retention_hours=720,
        recheck=Recheck.LEADS,
        can_reply=ReplyWay.API,
        may_train=False,
    )
    options = (
        Ask(OPTION_KEEP, "Which posts are kept: `matches` of a query, or `all`?", default="matches"),
        Ask("languages", "In which languages, such as `en, de`? Nothing means all.", default=""),
    )
    address = "Accounts to follow (handles, separated by commas), or nothing for all of Bluesky"
    pause = Pause(shortest=5, longest=60)

    def __init__(self, tools: Tools) -> None:
        """Nothing is asked for yet."""
        super().__init__(tools)
        self._api = JsonReader("Bluesky", str(tools.settings.bluesky.base_url), tools, is_open=True)
        self._names = Names()

    def close(self) -> None:
        """Hang up."""
        self._api.close()

    def communities(self, address: str | None = None) -> Sequence[Found]:
        """All of Bluesky, or the accounts that were typed: handles, their profiles' addresses, DIDs."""
        typed = [_account(part) for part in (address or "").split(",") if part.strip()]
        if not typed:
            return [Found("", COMMUNITY, "public, some fifty posts a second; only matches of a query are kept")]
        if len(typed) > _MOST_ACCOUNTS:
            raise InvalidInput(f"One source follows up to {_MOST_ACCOUNTS} accounts, not {len(typed)}: add several.")
        profiles = self._profiles(typed)
        known = {name for did, handle in profiles.items() for name in (did, handle.lower())}
        if missing := [account for account in typed if account not in known]:
            raise InvalidInput(f"Bluesky knows no account {missing[0]!r}. Type its handle, such as name.bsky.social.")
        handles = [f"@{handle}" for handle in profiles.values()]
        others = f" and {len(handles) - 3} others" if len(handles) > 3 else ""  # noqa: PLR2004 - a name, not a list
        return [Found(",".join(profiles), ", ".join(handles[:3]) + others, f"{len(handles)} accounts")]

    def pages(self, source: Watched, reading: Reading) -> Iterator[Page]:
        """From the cursor on."""
        dids = [did for did in source.address.split(",") if did]
        self._learn_names(dids)
        reader = Reader(source.community, primary_languages(source.options.get("languages", "")), self._names)
        back = _FIRST_OF_SOME if dids else _FIRST_OF_ALL
        keeps_all = source.options.get(OPTION_KEEP) != "matches"
        yield from Pass(self._tools, reader, reading, dids=dids, keeps_all=keeps_all, first=back).pages()

    def recheck(self, source: Watched, external_ids: Sequence[str]) -> Iterator[Sequence[Item]]:
        """The posts again, as the network shows them to everybody. What it shows no more is gone."""
        for start in range(0, len(external_ids), _AT_ONCE):
            asked = external_ids[start : start + _AT_ONCE]
            as_of = self._tools.clock()  # before asking: what is read is at least as new as this
            answer = self._api.get("app.bsky.feed.getPosts", {"uris": list(asked)})
            posts = answer.get("posts") if isinstance(answer, dict) else None
            if not isinstance(posts, list):
                raise CollectorError("Bluesky answered app.bsky.feed.getPosts in an unknown form.")
            shown = {str(post.get("uri")): post for post in posts if isinstance(post, dict)}
            yield [
                self._seen_again(uri, shown[uri], source.community, as_of)
                if uri in shown
                else Erased(Platform.BLUESKY, uri)
                for uri in asked
            ]

    def _seen_again(self, uri: str, post: Mapping[str, object], community: str, as_of: datetime) -> Item:
        record, author = post.get("record"), post.get("author")
        if not isinstance(record, dict) or not isinstance(author, dict):
            raise CollectorError("Bluesky answered app.bsky.feed.getPosts in an unknown form.")
        handle = str(author["handle"]) if "handle" in author else None
        try:
            return read_post(uri, record, community=community, seen_at=as_of, as_of=as_of, name=handle)
        except InvalidInput as error:
            raise CollectorError(f"Bluesky answered app.bsky.feed.getPosts in an unknown form: {error}.") from error

    def _learn_names(self, dids: Sequence[str]) -> None:
        unknown = [did for did in dids if self._names.of(did) is None]
        try:
            for did, handle in self._profiles(unknown).items():
                self._names.learn(did, handle)
        except CollectorError:
            return  # a post without its author's name is a post all the same

    def _profiles(self, accounts: Sequence[str]) -> dict[str, str]:
        """Of DIDs and handles: DID → handle, of those that exist."""
        found: dict[str, str] = {}
        for start in range(0, len(accounts), _AT_ONCE):
            asked = list(accounts[start : start + _AT_ONCE])
            answer = self._api.get("app.bsky.actor.getProfiles", {"actors": asked})
            profiles = answer.get("profiles") if isinstance(answer, dict) else None
            if not isinstance(profiles, list):
                raise CollectorError("Bluesky answered app.bsky.actor.getProfiles in an unknown form.")
            found |= {str(each["did"]): str(each["handle"]) for each in profiles if {"did", "handle"} <= set(each)}
        return found


def _account(typed: str) -> str:
    """`@name.bsky.social`, the address of a profile, or a DID → a handle or DID."""
    account = typed.strip().removeprefix("https://").removeprefix("bsky.app/profile/").removeprefix("@")
    account = account.partition("/")[0]
    return account if account.startswith("did:") else account.lower()
