"""The export of a Slack workspace: a zip with `channels.json` and, for each channel, one folder of days.

Nothing is unpacked to disk, so names like `../x` can do nothing; folders that no channel is named after are passed by.
"""

import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from collectors.formats.records import ImportOptions, Outcome, Record, Row, Skipped, required, text_of
from collectors.formats.slack_text import Names, name_of, plain, text_of_blocks
from collectors.formats.streams import InputFile, Wrapping
from overheard.errors import InvalidInput
from overheard.intake import MAX_RAW, Erased, Rejected
from overheard.posts import NewPost
from overheard.vocabulary import Platform, PostKind

# A member is parsed whole. A busy channel writes a few MiB a day, and the list of 50,000 people takes about 60 MiB.
_MAX_MEMBER = 64 * 2**20
# JSON of chat compresses to a tenth; what compresses a hundred times better than nothing was made to.
_MAX_RATIO = 100
_SMALL = 2**20

_DAY = re.compile(r"(?P<folder>[^/]+)/\d{4}-\d{2}-\d{2}\.json")
_TS = re.compile(r"(\d{1,11})\.(\d{1,6})")

_UNNAMED = "export"
_DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")

# What people write. All other subtypes are the channel's own news: joined, left, renamed, pinned…
_WRITTEN = frozenset({None, "me_message", "thread_broadcast", "reply_broadcast", "file_share"})


def message_id(workspace: str, channel: str, ts: str) -> str:
    """A message's key in the world: a channel's id is unique in its workspace only."""
    return f"{workspace}:{channel}:{ts}"


@dataclass(frozen=True, slots=True)
class _Export:
    workspace: str
    """The workspace's id where the export tells it: names change, and live messages carry the id."""
    workspace_name: str
    names: Names
    bots: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Channel:
    id: str
    name: str


def recognises(file: InputFile, _options: ImportOptions) -> bool:
    """Whether it is a zip with `channels.json`, or a damaged one, of which that cannot be known."""
    if file.wrapping not in (Wrapping.ZIP, Wrapping.EMPTY_ZIP):
        return False
    with _opened(file) as archive:
        return _root(archive) is not None


def records(file: InputFile, options: ImportOptions) -> Iterator[Record]:
    """The messages of all channels, a day at a time."""
    with _opened(file) as archive:
        root = _root(archive) or ""
        channels = _channels(archive, root)
        export = _export(archive, root, channels, options)
        for member in archive.infolist():
            day = _DAY.fullmatch(member.filename.removeprefix(root))
            if day is None:
                continue
            channel = channels.get(day["folder"])
            if channel is None:
                yield partial(Skipped, "in a folder that is no channel's")
                continue
            yield from _day(archive, member, channel, export)


def _opened(file: InputFile) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file.handle)
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise InvalidInput(
            f"{file.path.name} is a damaged zip file, or cut off at byte {file.size}: {error}. Nothing was read."
        ) from error


def _root(archive: zipfile.ZipFile) -> str | None:
    """What stands before `channels.json`: nothing, or the one folder that was zipped again."""
    paths = [name for name in archive.namelist() if re.fullmatch(r"([^/]+/)?channels\.json", name)]
    return min(paths, key=len).removesuffix("channels.json") if paths else None


def _day(archive: zipfile.ZipFile, member: zipfile.ZipInfo, channel: _Channel, export: _Export) -> Iterator[Record]:
    try:
        messages = _list(archive, member)
    except InvalidInput as error:
        # One bad day must not keep the others out.
        yield partial(Rejected, f"{member.filename} at byte {member.header_offset}", str(error), b"", Platform.SLACK)
        return
    for number, message in enumerate(messages, start=1):
        yield partial(_read, message, channel, export, f"{member.filename}, message {number}")


def _list(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> list[object]:
    if member.file_size > _MAX_MEMBER or (
        member.file_size > _SMALL and member.file_size > _MAX_RATIO * member.compress_size
    ):
        raise InvalidInput(f"{member.file_size} bytes out of {member.compress_size} are too many for one file")
    try:
        with archive.open(member) as opened:
            raw = opened.read(_MAX_MEMBER + 1)  # the declared size may be a lie
        content = json.loads(raw) if len(raw) <= _MAX_MEMBER else None
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        raise InvalidInput(f"the file cannot be unpacked: {error}") from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the file is not JSON: {error}") from error
    if not isinstance(content, list):
        raise InvalidInput("the file is no JSON list, or too long for one")
    return content


def _index(archive: zipfile.ZipFile, name: str) -> list[Row]:
    """A list at the top of the export; empty when it is not there."""
    try:
        member = archive.getinfo(name)
    except KeyError:
        return []
    try:
        return [row for row in _list(archive, member) if isinstance(row, dict)]
    except InvalidInput as error:
        raise InvalidInput(f"{name} in the export: {error}.") from error


def _channels(archive: zipfile.ZipFile, root: str) -> Mapping[str, _Channel]:
    """The channels by folder. A folder has its channel's name, or its id where two share a name."""
    channels: dict[str, _Channel] = {}
    for row in _index(archive, f"{root}channels.json") + _index(archive, f"{root}groups.json"):
        channel = _Channel(required(row, "id"), text_of(row, "name") or required(row, "id"))
        channels.setdefault(channel.id, channel)
        channels[channel.name] = channel
    return channels


def _export(archive: zipfile.ZipFile, root: str, channels: Mapping[str, _Channel], options: ImportOptions) -> _Export:
    users = _index(archive, f"{root}users.json")
    # People of other workspaces are in shared channels, so it is the team of most that is this one's.
    teams = Counter(team for user in users if isinstance(team := user.get("team_id"), str) and team)
    team = min(teams, key=lambda team: (-teams[team], team), default=None)
    ids = [(user, id_) for user in users if isinstance(id_ := user.get("id"), str)]
    return _Export(
        workspace=team or options.workspace or _UNNAMED,
        workspace_name=options.workspace or team or _UNNAMED,
        names=Names(
            people={id_: name for user, id_ in ids if (name := name_of(user))},
            channels={channel.id: channel.name for channel in channels.values()},
        ),
        bots=frozenset({id_ for user, id_ in ids if user.get("is_bot") is True} | {"USLACKBOT"}),
    )


def _read(message: object, channel: _Channel, export: _Export, locator: str) -> Outcome:
    try:
        if not isinstance(message, dict):
            raise InvalidInput(f"the message is a {type(message).__name__}, not an object")  # noqa: TRY301 - one way out for all that is wrong
        return _outcome(message, channel, export, as_of=None)
    except InvalidInput as error:
        raw = json.dumps(message).encode()[:MAX_RAW]
        ts = message.get("ts") if isinstance(message, dict) else None
        external_id = message_id(export.workspace, channel.id, ts) if isinstance(ts, str) else None
        return Rejected(locator, str(error), raw, Platform.SLACK, external_id)


def _outcome(message: Row, channel: _Channel, export: _Export, *, as_of: datetime | None) -> Outcome:
    subtype, user = text_of(message, "subtype"), text_of(message, "user")
    match subtype, message.get("message"):
        case "message_changed", dict() as changed:
            return _outcome(changed, channel, export, as_of=_moment(_ts(message, "ts")))
        case "message_deleted", _:
            return _erased(_ts(message, "deleted_ts"), channel, export)
        case "tombstone", _:
            return _erased(_ts(message, "ts"), channel, export)
    if message.get("bot_id") or subtype == "bot_message" or user in export.bots:
        return Skipped("written by a bot")
    if message.get("type", "message") != "message" or subtype not in _WRITTEN:
        return Skipped("news of the channel")
    return _post(message, channel, export, as_of=as_of)


def _erased(ts: str, channel: _Channel, export: _Export) -> Erased:
    return Erased(Platform.SLACK, message_id(export.workspace, channel.id, ts))


def _post(message: Row, channel: _Channel, export: _Export, *, as_of: datetime | None) -> Outcome:
    ts, thread_ts = _ts(message, "ts"), text_of(message, "thread_ts")
    body = plain(text_of(message, "text") or "", export.names).strip()
    body = body or text_of_blocks(message.get("blocks"), export.names)
    if not body:
        return Skipped("without text")
    author = text_of(message, "user")
    edited = message.get("edited")
    if isinstance(edited, dict):
        as_of = _moment(_ts(edited, "ts"))
    return NewPost(
        platform=Platform.SLACK,
        external_id=message_id(export.workspace, channel.id, ts),
        community=f"{export.workspace_name}/#{channel.name}",
        title="",
        body=body,
        kind=PostKind.MESSAGE,
        author=author,
        author_name=export.names.people.get(author) if author else None,
        permalink=_permalink(export, channel, ts),
        parent_external_id=message_id(export.workspace, channel.id, thread_ts)
        if thread_ts and thread_ts != ts
        else None,
        posted_at=_moment(ts),
        as_of=as_of,
    )


def _ts(row: Row, name: str) -> str:
    """The message's time, which is its key too and therefore stays a text."""
    value = row.get(name)
    ts = f"{value:.6f}" if isinstance(value, float) else required(row, name)
    if not _TS.fullmatch(ts):
        raise InvalidInput(f"{name} is no time of a message: {ts[:40]!r}")
    return ts


def _moment(ts: str) -> datetime:
    seconds, _, micros = ts.partition(".")
    return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=int(micros))


def _permalink(export: _Export, channel: _Channel, ts: str) -> str | None:
    """The address, when the operator said the workspace's name; an export does not tell it."""
    if export.workspace_name == _UNNAMED or not _DOMAIN.fullmatch(export.workspace_name):
        return None
    return f"https://{export.workspace_name}.slack.com/archives/{channel.id}/p{ts.replace('.', '')}"
