"""Real messages, where they are at hand, pushed as Slack pushes them: the same posts as from the export."""

import json
import zipfile
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy as sa

from collectors.formats.records import ImportOptions
from collectors.importing import import_file
from overheard.db import Sessions
from overheard.models import DeadLetter, Post
from tests.collectors.slack_live import TOLD, make_live
from tests.collectors.test_real_files import DATA
from tests.fakeworld.model import World
from tests.fakeworld.server import serve
from tests.fakeworld.wires import slack as wire


@pytest.mark.skipif(not DATA.is_dir(), reason="the real files are not at hand (../shared/data)")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_real_message_is_the_same_post_live_and_from_an_export(sessions: Sessions, tmp_path: Path) -> None:
    world = World()
    import_file(sessions, DATA / "slack-export.zip", clock=lambda: world.now, options=ImportOptions())
    with sessions.begin() as session:
        exported = {post.external_id.split(":", 1)[1]: post.body for post in session.scalars(sa.select(Post))}
        session.execute(sa.delete(Post))
    with zipfile.ZipFile(DATA / "slack-export.zip") as archive:
        ids = {row["name"]: row["id"] for row in json.loads(archive.read("channels.json"))}
        days = [name for name in archive.namelist() if "/" in name and name.endswith(".json")]
        messages = [
            {**row, "channel": ids[name.partition("/")[0]]} for name in days for row in json.loads(archive.read(name))
        ]
    ((channel, _),) = Counter(str(message["channel"]) for message in messages).most_common(1)
    ours = [message for message in messages if message["channel"] == channel]
    with serve(world, [wire.WIRE]):
        live = make_live(sessions, world, tmp_path, TOLD, channel=channel)
        live.push(*({"event_id": f"Ev{number}", "event": message} for number, message in enumerate(ours)))
        live.collect()
        pushed = {post.external_id.split(":", 1)[1]: post.body for post in live.posts()}
    assert live.count(DeadLetter) == 0
    assert pushed.keys() == {key for key in exported if key.startswith(f"{channel}:")}
    differing = [key for key, body in pushed.items() if body != exported[key]]
    assert [key for key in differing if "@" not in exported[key]] == [], "people have other names in the fake world"
