"""What an address on the web leads to, as far as the address itself tells: which post of which platform.

Pure functions, nothing is asked for. The ids are those that the platform's collector gives, so that a post has one
key whichever way it comes in. Where an address does not tell that id, the key is made of the address: at Discourse, at
Slack (which numbers its workspaces) and at GitHub, where the platform is `OTHER` besides.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from overheard.errors import InvalidInput
from overheard.text import clean
from overheard.vocabulary import Platform


@dataclass(frozen=True, slots=True)
class Link:
    """A post that an address leads to."""

    platform: Platform
    external_id: str
    community: str
    """Its name where the address tells it, else the next larger place: the platform, or the host."""
    permalink: str
    """The address without what tracks the reader."""


def recognise(url: str) -> Link:
    """The post at an address; `InvalidInput` for what is no web address."""
    address = _split(unwrapped(url))
    host, query = address.hostname or "", _without_tracking(address.query)
    port = f":{address.port}" if address.port else ""
    place = f"{host}{port}{address.path or '/'}{f'?{query}' if query else ''}"
    for rule in _RULES:
        if found := rule.pattern.fullmatch(f"{place}#{address.fragment}"):
            return rule.link(found.groupdict())
    permalink = f"{address.scheme}://{place}"
    key = permalink if len(permalink) <= _MAX_KEY else f"sha256:{hashlib.sha256(permalink.encode()).hexdigest()}"
    github = _GITHUB.match(place)
    return Link(Platform.OTHER, key, github["name"] if github else host.removeprefix("www."), permalink)


def unwrapped(url: str) -> str:
    """Where a redirect leads that carries its goal with it, as search engines, mailers and alerts put around links."""
    for _ in range(_WRAPPINGS):
        address = _split(url)
        place = f"{(address.hostname or '').removeprefix('www.')}{address.path.rstrip('/')}"
        names = next((names for pattern, names in _REDIRECTS if pattern.fullmatch(place)), ())
        values = dict(parse_qsl(address.query))
        goal = next((values[name] for name in names if _HTTP.match(values.get(name, ""))), None)
        if goal is None:
            return url
        url = goal
    return url


def _split(url: str) -> SplitResult:
    url = clean(url).strip()
    try:
        address = urlsplit(url)
        is_address = address.scheme in {"http", "https"} and bool(address.hostname) and " " not in url
        _ = address.port  # raises where it is no number
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidInput(f"{url[:80]!r} is no web address: it must begin with https:// and have no spaces.")
    return address


def _without_tracking(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, value) for name, value in pairs if not _TRACKING.fullmatch(name)])


_HTTP = re.compile(r"https?://[^/]", re.IGNORECASE)
_WRAPPINGS = 3  # a mailer's around an alert's around a search engine's

_REDIRECTS = tuple(
    (re.compile(pattern), names)
    for pattern, names in (
        (r"google\.[a-z.]{2,6}/url", ("q", "url")),
        (r"f5bot\.com/url", ("u",)),
        (r"(?:l|lm)\.facebook\.com/l\.php", ("u",)),
        (r"out\.reddit\.com(?:/.*)?", ("url",)),
        (r"linkedin\.com/(?:redir/redirect|safety/go)", ("url",)),
        (r"slack-redir\.net/link", ("url",)),
        (r"youtube\.com/redirect", ("q",)),
        (r"[\w.]+\.safelinks\.protection\.outlook\.com(?:/.*)?", ("url",)),
        (r"duckduckgo\.com/l", ("uddg",)),
    )
)

_TRACKING = re.compile(
    r"utm_\w+|\w*clid|mc_[ce]id|_hs\w+|mkt_tok|igshid|ref_src|ref_source|rdt|share_id|trk\w*|lipi|rcm|__cft__.*|__tn__|si",
    re.IGNORECASE,
)

_GITHUB = re.compile(r"(?:www\.)?(?P<name>github\.com/[\w.-]+/[\w.-]+)/(?:issues|discussions|pull)/\d")

_MAX_KEY = 512  # what `posts` takes


@dataclass(frozen=True, slots=True)
class _Rule:
    """One form of address: `host/path?query#fragment`, and what its named parts make."""

    platform: Platform
    pattern: re.Pattern[str]
    external_id: str
    community: str
    permalink: str

    def link(self, parts: Mapping[str, str | None]) -> Link:
        return Link(
            self.platform,
            self.external_id.format_map(parts),
            self.community.format_map(parts),
            self.permalink.format_map(parts),
        )


def _rule(platform: Platform, pattern: str, external_id: str, community: str, permalink: str) -> _Rule:
    """A rule whose addresses may go on after a slash, a question mark or a hash."""
    return _Rule(platform, re.compile(rf"(?:www\.)?{pattern}(?:[/?#].*)?", re.ASCII), external_id, community, permalink)


_REDDIT = r"(?:[\w-]+\.)?reddit\.com"
_REDDIT_COMMENT = r"comments/(?P<post>[0-9a-z]+)/[^/?#]+/(?P<comment>[0-9a-z]+)"
# The site as its API names it: `softwarerecs` of softwarerecs.stackexchange.com, `stackoverflow` of stackoverflow.com.
_STACK = (
    r"(?=[\w.-]+\.stackexchange\.com|(?:[\w-]+\.)?(?:stackoverflow|superuser|serverfault|askubuntu)\.com)"
    r"(?P<host>(?P<site>[\w.-]+?)(?:\.stackexchange)?\.com)"
)
_HOST = r"(?<!www\.)(?P<host>[\w-]+(?:\.[\w-]+)+(?::\d+)?)"
_FACEBOOK = r"(?:(?:m|web|mbasic)\.)?facebook\.com"
_LINKEDIN = r"(?:\w+\.)?linkedin\.com/(?:feed/update/urn:li:|posts/[^/?#]*[_-])"
_SLACK = r"(?P<name>[\w-]+)(?:\.enterprise)?\.slack\.com"
_ID = "{id}"

_RULES = (
    _rule(
        Platform.REDDIT, rf"{_REDDIT}/r/(?P<name>\w+)/{_REDDIT_COMMENT}",
        "t1_{comment}", "r/{name}", "https://www.reddit.com/r/{name}/comments/{post}/_/{comment}/",
    ),
    _rule(
        Platform.REDDIT, rf"{_REDDIT}/r/(?P<name>\w+)/comments/(?P<id>[0-9a-z]+)",
        "t3_{id}", "r/{name}", "https://www.reddit.com/r/{name}/comments/{id}/",
    ),
    _rule(
        Platform.REDDIT, rf"{_REDDIT}/(?:user|u)/(?P<name>[\w-]+)/{_REDDIT_COMMENT}",
        "t1_{comment}", "r/u_{name}", "https://www.reddit.com/user/{name}/comments/{post}/_/{comment}/",
    ),
    _rule(
        Platform.REDDIT, rf"{_REDDIT}/(?:user|u)/(?P<name>[\w-]+)/comments/(?P<id>[0-9a-z]+)",
        "t3_{id}", "r/u_{name}", "https://www.reddit.com/user/{name}/comments/{id}/",
    ),
    _rule(
        Platform.REDDIT, rf"{_REDDIT}/{_REDDIT_COMMENT}",
        "t1_{comment}", "Reddit", "https://www.reddit.com/comments/{post}/_/{comment}/",
    ),
    _rule(
        Platform.REDDIT, rf"(?:{_REDDIT}/comments|redd\.it)/(?P<id>[0-9a-z]+)",
        "t3_{id}", "Reddit", "https://www.reddit.com/comments/{id}/",
    ),
    # What the app's share button gives. Only Reddit knows which post it is, so it is filed apart from
    # what can be asked for again; Reddit's rules hold for it all the same.
    _rule(
        Platform.REDDIT, rf"{_REDDIT}/r/(?P<name>\w+)/s/(?P<id>\w+)",
        "https://www.reddit.com/r/{name}/s/{id}", "Reddit", "https://www.reddit.com/r/{name}/s/{id}",
    ),
    _rule(
        Platform.HACKERNEWS, r"news\.ycombinator\.com/item\?id=\d+#(?P<id>\d+)",
        _ID, "Hacker News", "https://news.ycombinator.com/item?id={id}",
    ),
    _rule(
        Platform.HACKERNEWS, r"news\.ycombinator\.com/item\?(?:.*&)?id=(?P<id>\d+)(?:&.*)?",
        _ID, "Hacker News", "https://news.ycombinator.com/item?id={id}",
    ),
    _rule(
        Platform.SLACK, rf"{_SLACK}/archives/(?P<channel>\w+)/p(?P<at>\d+)(?P<part>\d{{6}})",
        "{name}:{channel}:{at}.{part}", "{name}/{channel}", "https://{name}.slack.com/archives/{channel}/p{at}{part}",
    ),
    _rule(
        Platform.BLUESKY, r"bsky\.app/profile/(?P<name>did:[\w.:%-]+)/post/(?P<id>\w+)",
        "at://{name}/app.bsky.feed.post/{id}", "Bluesky", "https://bsky.app/profile/{name}/post/{id}",
    ),
    # A handle is not what posts are kept under, so this is filed apart as well.
    _rule(
        Platform.BLUESKY, r"bsky\.app/profile/(?P<name>[\w.-]+)/post/(?P<id>\w+)",
        "at://{name}/app.bsky.feed.post/{id}", "bsky.app", "https://bsky.app/profile/{name}/post/{id}",
    ),
    _rule(
        Platform.X, r"(?:mobile\.)?(?:x|twitter)\.com/(?:i/web|\w+)/status(?:es)?/(?P<id>\d+)",
        _ID, "X", "https://x.com/i/web/status/{id}",
    ),
    _rule(
        Platform.DISCORD, r"(?:\w+\.)?discord(?:app)?\.com/channels/(?P<server>\d+)/(?P<channel>\d+)/(?P<id>\d+)",
        _ID, "{server}/{channel}", "https://discord.com/channels/{server}/{channel}/{id}",
    ),
    _rule(
        Platform.LINKEDIN, rf"{_LINKEDIN}(?P<kind>activity|share|ugcPost)[:-](?P<id>\d+)(?:-\w+)?",
        "urn:li:{kind}:{id}", "LinkedIn", "https://www.linkedin.com/feed/update/urn:li:{kind}:{id}/",
    ),
    _rule(
        Platform.FACEBOOK, rf"{_FACEBOOK}/groups/(?P<group>[\w.-]+)/(?:posts|permalink)/(?P<id>\w+)",
        _ID, "groups/{group}", "https://www.facebook.com/groups/{group}/posts/{id}/",
    ),
    _rule(
        Platform.FACEBOOK, rf"{_FACEBOOK}/(?P<page>[\w.-]+)/posts/(?:[^/?#]+/)?(?P<id>\w+)",
        _ID, "{page}", "https://www.facebook.com/{page}/posts/{id}/",
    ),
    _rule(
        Platform.QUORA, r"quora\.com/(?:unanswered/)?(?P<id>[^/?#]*-[^/?#]*(?:/answers?/[^/?#]+)?)",
        _ID, "Quora", "https://www.quora.com/{id}",
    ),
    _rule(
        Platform.STACKEXCHANGE, rf"{_STACK}/(?:questions/\d+/[^/?#]+(?:/\d+)?#|a/|questions/\d+/[^/?#]+/)(?P<id>\d+)",
        "{site}:answer:{id}", "{site}", "https://{host}/a/{id}",
    ),
    _rule(
        Platform.STACKEXCHANGE, rf"{_STACK}/(?:questions|q)/(?P<id>\d+)",
        "{site}:question:{id}", "{site}", "https://{host}/q/{id}",
    ),
    # On any host, so these two come last: they are known by their form alone.
    _rule(
        Platform.MASTODON, rf"{_HOST}/@(?P<name>[\w.-]+(?:@[\w.-]+)?)/(?P<id>\d+)",
        "{host}:{id}", "{host}", "https://{host}/@{name}/{id}",
    ),
    _rule(
        Platform.DISCOURSE, rf"{_HOST}/t/(?:[^/?#]*[^/?#\d][^/?#]*/)?(?P<topic>\d+)/(?P<id>[2-9]|\d\d+)",
        "{host}/t/{topic}/{id}", "{host}", "https://{host}/t/{topic}/{id}",
    ),
    _rule(
        Platform.DISCOURSE, rf"{_HOST}/t/(?:[^/?#]*[^/?#\d][^/?#]*/)?(?P<topic>\d+)(?:/[01])?",
        "{host}/t/{topic}/1", "{host}", "https://{host}/t/{topic}",
    ),
)  # fmt: skip
