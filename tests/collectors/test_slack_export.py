import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.formats.records import ImportOptions, Outcome, Skipped
from collectors.formats.slack_text import Names, plain
from overheard.errors import InvalidInput
from overheard.listening.intake import Erased, Rejected
from overheard.listening.posts import NewPost
from overheard.vocabulary import Platform, PostKind
from tests.collectors.files import outcomes, the_post, the_rejected, write_zip

CHANNELS = [{"id": "C1", "name": "ovens"}]
USERS = [
    {"id": "U1", "team_id": "T1", "name": "rita", "profile": {"display_name": "Rita Rye"}},
    {"id": "U2", "team_id": "T1", "name": "otto", "profile": {"display_name": ""}},
    {"id": "U9", "team_id": "T2", "name": "guest"},
    {"id": "U3", "team_id": "T1", "name": "helper", "is_bot": True},
]
TS = "1795000000.000100"
KEY = f"T1:C1:{TS}"
DAY = "ovens/2026-11-18.json"


def message(**fields: object) -> dict[str, object]:
    return {"type": "message", "user": "U1", "text": "Which oven for rye?", "ts": TS, **fields}


def export(tmp_path: Path, *messages: object, **members: object) -> Path:
    content: Mapping[str, object] = {"channels.json": CHANNELS, "users.json": USERS, DAY: list(messages), **members}
    return write_zip(tmp_path / "export", content)


def read_one(tmp_path: Path, row: object) -> Outcome:
    return outcomes(export(tmp_path, row))[0]


def test_a_message_becomes_a_post(tmp_path: Path) -> None:
    assert outcomes(export(tmp_path, message()), ImportOptions(workspace="bakery")) == [
        NewPost(
            platform=Platform.SLACK,
            external_id=KEY,
            community="bakery/#ovens",
            title="",
            body="Which oven for rye?",
            kind=PostKind.MESSAGE,
            author="U1",
            author_name="Rita Rye",
            permalink="https://bakery.slack.com/archives/C1/p1795000000000100",
            posted_at=datetime.fromtimestamp(1_795_000_000, UTC).replace(microsecond=100),
        )
    ]


@pytest.mark.parametrize(
    ("users", "workspace", "external_id", "community"),
    [
        (USERS, None, KEY, "T1/#ovens"),
        ([], "bakery", f"bakery:C1:{TS}", "bakery/#ovens"),
        ([], None, f"export:C1:{TS}", "export/#ovens"),
    ],
)
def test_the_key_holds_the_workspaces_id_or_else_its_name(
    tmp_path: Path, users: list[object], workspace: str | None, external_id: str, community: str
) -> None:
    path = export(tmp_path, message(), **{"users.json": users})
    post = the_post(outcomes(path, ImportOptions(workspace=workspace))[0])
    assert (post.external_id, post.community) == (external_id, community)


def test_an_export_needs_no_list_of_users(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "export", {"channels.json": CHANNELS, DAY: [message()]})
    post = the_post(outcomes(path)[0])
    assert (post.author, post.author_name, post.permalink) == ("U1", None, None)


def test_a_renamed_channel_keeps_its_keys(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "later",
        {"channels.json": [{"id": "C1", "name": "hot-ovens"}], "hot-ovens/2026-11-18.json": [message()]},
    )
    assert the_post(outcomes(path)[0]).key == the_post(outcomes(path)[0]).key == (Platform.SLACK, f"export:C1:{TS}")


def test_private_channels_of_a_full_export_are_read_and_direct_messages_are_not(tmp_path: Path) -> None:
    path = export(
        tmp_path,
        **{
            "groups.json": [{"id": "G1", "name": "owners"}],
            "dms.json": [{"id": "D1", "members": ["U1", "U2"]}],
            "owners/2026-11-18.json": [message()],
            "D1/2026-11-18.json": [message(text="Between us")],
        },
    )
    found = outcomes(path)
    assert the_post(found[0]).external_id == f"T1:G1:{TS}"
    assert found[1:] == [Skipped("in a folder that is no channel's")]


def test_a_reply_knows_its_thread_and_a_thread_does_not_answer_itself(tmp_path: Path) -> None:
    reply, parent = outcomes(
        export(tmp_path, message(ts="1795000009.000200", thread_ts=TS), message(thread_ts=TS, reply_count=1))
    )
    assert the_post(reply).parent_external_id == KEY
    assert the_post(parent).parent_external_id is None


def test_an_edited_message_holds_since_its_edit(tmp_path: Path) -> None:
    post = the_post(read_one(tmp_path, message(edited={"user": "U1", "ts": "1795000500.000000"})))
    assert post.as_of == datetime.fromtimestamp(1_795_000_500, UTC)


def test_a_change_is_the_new_text_under_the_old_key(tmp_path: Path) -> None:
    change = {
        "type": "message",
        "subtype": "message_changed",
        "ts": "1795000600.000000",
        "message": message(text="Which oven for wheat?", edited={"ts": "1795000500.000000"}),
    }
    post = the_post(read_one(tmp_path, change))
    assert (post.external_id, post.body, post.as_of) == (
        KEY,
        "Which oven for wheat?",
        datetime.fromtimestamp(1_795_000_600, UTC),
    )


@pytest.mark.parametrize(
    "row",
    [
        {"type": "message", "subtype": "message_deleted", "ts": "1795000700.000000", "deleted_ts": TS},
        message(subtype="tombstone", text="This message was deleted."),
    ],
)
def test_a_deletion_is_an_erasure(tmp_path: Path, row: object) -> None:
    assert read_one(tmp_path, row) == Erased(Platform.SLACK, KEY)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"subtype": "bot_message"}, "written by a bot"),
        ({"bot_id": "B1"}, "written by a bot"),
        ({"user": "U3"}, "written by a bot"),
        ({"user": "USLACKBOT"}, "written by a bot"),
        ({"subtype": "channel_join"}, "news of the channel"),
        ({"subtype": "channel_topic"}, "news of the channel"),
        ({"subtype": "pinned_item"}, "news of the channel"),
        ({"text": "", "files": [{"id": "F1"}]}, "without text"),
    ],
)
def test_what_no_person_wrote_is_skipped_and_counted(tmp_path: Path, fields: dict[str, object], reason: str) -> None:
    assert read_one(tmp_path, message(**fields)) == Skipped(reason)


@pytest.mark.parametrize("subtype", ["me_message", "thread_broadcast", "file_share"])
def test_what_people_write_in_other_ways_is_a_post(tmp_path: Path, subtype: str) -> None:
    assert the_post(read_one(tmp_path, message(subtype=subtype))).body == "Which oven for rye?"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<@U1> and <@U7>", "@Rita Rye and @U7"),
        ("<@U7|ella>", "@ella"),
        ("see <#C1> or <#C2|flour>", "see #ovens or #flour"),
        ("<!here> <!subteam^S1|@millers> <!date^17^{date}|Monday>", "@here @millers Monday"),
        ("<https://example.org/a?b=1&amp;c=2>", "https://example.org/a?b=1&c=2"),
        ("<https://example.org|the &lt;best&gt; oven>", "the <best> oven"),
        ("<mailto:rita@example.org>", "rita@example.org"),
        ("1 &lt; 2 &amp;amp; 3 &gt; 2", "1 < 2 &amp; 3 > 2"),
        ("&lt;@U1&gt;", "<@U1>"),
    ],
)
def test_markup_is_decoded_once(markup: str, text: str) -> None:
    assert plain(markup, Names(people={"U1": "Rita Rye"}, channels={"C1": "ovens"})) == text


def test_a_message_of_blocks_only_has_their_text(tmp_path: Path) -> None:
    rich = [
        {"type": "text", "text": "Ask "},
        {"type": "user", "user_id": "U2"},
        {"type": "text", "text": " about "},
        {"type": "link", "url": "https://example.org"},
        {"type": "emoji", "name": "bread"},
    ]
    items = [{"type": "rich_text_section", "elements": [{"type": "text", "text": "rye <3"}]}]
    blocks = [
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": rich}]},
        {"type": "rich_text", "elements": [{"type": "rich_text_list", "elements": items}]},
        {"type": "section", "text": {"type": "mrkdwn", "text": "or <@U1> &amp; co"}},
        {"type": "divider"},
    ]
    assert the_post(read_one(tmp_path, message(text="", blocks=blocks))).body == (
        "Ask @otto about https://example.org:bread:\nrye <3\nor @Rita Rye & co"
    )


@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], {}, ["x"], {"a": 1}, "", "\ud800"])
def test_no_field_of_a_message_can_stop_the_reading(tmp_path: Path, value: object) -> None:
    whole = message(subtype=None, bot_id=None, thread_ts=TS, edited={"ts": TS}, blocks=[], message={}, deleted_ts=TS)
    changed = [{**whole, "subtype": "message_changed", "message": message(**{name: value})} for name in whole]
    rows = [{**whole, name: value} for name in whole]
    deleted = {**whole, "subtype": "message_deleted", "deleted_ts": value}
    found = outcomes(export(tmp_path, *rows, *changed, deleted, value))
    assert len(found) == len(rows) + len(changed) + 2
    assert isinstance(found[-1], Rejected)


def test_a_rejected_message_says_where_it_stands_and_whose_it_is(tmp_path: Path) -> None:
    rejected = the_rejected(read_one(tmp_path, message(text=["no"])))
    assert (rejected.locator, rejected.reason) == (f"{DAY}, message 1", "text is a list, not a text")
    assert (rejected.platform, rejected.external_id) == (Platform.SLACK, KEY)


def test_names_that_lead_out_of_the_zip_are_ignored(tmp_path: Path) -> None:
    outside = ("../2026-11-18.json", "../../ovens/2026-11-18.json", "/ovens/2026-11-18.json")
    members = {name: [message()] for name in outside}
    found = outcomes(export(tmp_path, message(), **members))
    assert [type(outcome) for outcome in found] == [NewPost, Skipped]
    assert [path.name for path in tmp_path.iterdir()] == ["export"]


def test_a_zip_bomb_is_set_aside_and_the_other_days_are_read(tmp_path: Path) -> None:
    found = outcomes(export(tmp_path, message(), **{"ovens/2026-11-19.json": b" " * 2**24}))
    assert [type(outcome) for outcome in found] == [NewPost, Rejected]
    assert "16777216 bytes out of" in the_rejected(found[1]).reason


def test_a_damaged_day_is_set_aside_with_its_byte_and_the_other_days_are_read(tmp_path: Path) -> None:
    path = export(tmp_path, message(), **{"ovens/2026-11-19.json": [message(text="rye " * 500)]})
    with zipfile.ZipFile(path) as archive:
        offset = archive.getinfo(DAY).header_offset
    damaged = bytearray(path.read_bytes())
    damaged[offset + 30 + len(DAY) + 10] ^= 0xFF
    path.write_bytes(damaged)
    found = outcomes(path)
    assert [type(outcome) for outcome in found] == [Rejected, NewPost]
    assert the_rejected(found[0]).locator == f"{DAY} at byte {offset}"


def test_a_day_that_is_no_list_is_set_aside(tmp_path: Path) -> None:
    found = outcomes(export(tmp_path, message(), **{"ovens/2026-11-19.json": {"ok": False}}))
    assert [type(outcome) for outcome in found] == [NewPost, Rejected]


def test_an_export_in_a_folder_that_was_zipped_again_is_read(tmp_path: Path) -> None:
    path = write_zip(
        tmp_path / "export", {"My export/channels.json": CHANNELS, "My export/ovens/2026-11-18.json": [message()]}
    )
    assert the_post(outcomes(path)[0]).body == "Which oven for rye?"


def test_a_zip_that_is_cut_off_is_an_error_that_names_the_byte(tmp_path: Path) -> None:
    path = export(tmp_path, message())
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InvalidInput, match=f"damaged zip file, or cut off at byte {path.stat().st_size}"):
        outcomes(path)


def test_a_zip_that_is_no_export_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"is a zip file without channels\.json\. Overheard reads JSON Lines"):
        outcomes(write_zip(tmp_path / "zip", {"sheet.xml": b"<a/>"}))
