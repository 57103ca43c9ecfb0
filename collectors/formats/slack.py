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
from functools import partial

from collectors.formats.records import ImportOptions, Record, Skipped, required, text_of
from collectors.formats.slack_text import Names, name_of
from collectors.formats.streams import InputFile, Wrapping
from collectors.rows import Row
from collectors.slack.messages import Place, read_message
from overheard.errors import InvalidInput
from overheard.listening.intake import Rejected
from overheard.vocabulary import Platform

# A member is parsed whole. A busy channel writes a few MiB a day, and the list of 50,000 people takes about 60 MiB.
_MAX_MEMBER = 64 * 2**20
# JSON of chat compresses to a tenth; what compresses a hundred times better than nothing was made to.
_MAX_RATIO = 100
_SMALL = 2**20

_DAY = re.compile(r"(?P<folder>[^/]+)/\d{4}-\d{2}-\d{2}\.json")

_UNNAMED = "export"


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
        places = _places(archive, root, options)
        for member in archive.infolist():
            day = _DAY.fullmatch(member.filename.removeprefix(root))
            if day is None:
                continue
            place = places.get(day["folder"])
            if place is None:
                yield partial(Skipped, "in a folder that is no channel's")
                continue
            yield from _day(archive, member, place)


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


def _day(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: Place) -> Iterator[Record]:
    try:
        messages = _list(archive, member)
    except InvalidInput as error:
        # One bad day must not keep the others out.
        yield partial(Rejected, f"{member.filename} at byte {member.header_offset}", str(error), b"", Platform.SLACK)
        return
    for number, message in enumerate(messages, start=1):
        yield partial(read_message, message, place, f"{member.filename}, message {number}")


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


def _places(archive: zipfile.ZipFile, root: str, options: ImportOptions) -> Mapping[str, Place]:
    """Where the messages of each folder stand."""
    channels = _channels(archive, root)
    users = _index(archive, f"{root}users.json")
    # People of other workspaces are in shared channels, so it is the team of most that is this one's.
    teams = Counter(team for user in users if isinstance(team := user.get("team_id"), str) and team)
    team = min(teams, key=lambda team: (-teams[team], team), default=None)
    ids = [(user, id_) for user in users if isinstance(id_ := user.get("id"), str)]
    names = Names(
        people={id_: name for user, id_ in ids if (name := name_of(user))},
        channels={channel.id: channel.name for channel in channels.values()},
    )
    bots = frozenset({id_ for user, id_ in ids if user.get("is_bot") is True} | {"USLACKBOT"})
    return {
        folder: Place(
            workspace=team or options.workspace or _UNNAMED,
            domain=options.workspace or "",
            channel=channel.id,
            community=f"{options.workspace or team or _UNNAMED}/#{channel.name}",
            names=names,
            bots=bots,
        )
        for folder, channel in channels.items()
    }
