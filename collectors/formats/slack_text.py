"""Slack's markup as plain text. What was escaped is decoded once, in the same pass as the markup itself."""

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from collectors.rows import Row

# `<@U1>`, `<#C1|general>`, `<!here>`, `<https://…|label>`, or one of the three signs that Slack escapes.
_MARKUP = re.compile(r"<([^<>\n]+)>|&(?:amp|lt|gt);")

# Blocks nest (a list in a quote in a section); nobody writes deeper than this, and a hostile file might.
_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Names:
    """How the ids in a text are called."""

    people: Mapping[str, str]
    channels: Mapping[str, str]


def plain(text: str, names: Names) -> str:
    """The text as a person sees it."""
    return _MARKUP.sub(lambda found: _decoded(found, names), text)


def _decoded(found: re.Match[str], names: Names) -> str:
    if found[1] is None:
        return html.unescape(found[0])
    target, _, label = found[1].partition("|")
    label = html.unescape(label)
    match target[0]:
        case "@":
            return "@" + (label or names.people.get(target[1:], target[1:]))
        case "#":
            return "#" + (label or names.channels.get(target[1:], target[1:]))
        case "!":
            return label or "@" + target[1:].partition("^")[0]
        case _:
            return label or html.unescape(target.removeprefix("mailto:"))


def text_of_blocks(blocks: object, names: Names) -> str:
    """The text of a message that was written with blocks only."""
    return "\n".join(part for part in _lines(blocks, names, 0) if part).strip()


def _lines(blocks: object, names: Names, depth: int) -> Iterator[str]:
    if not isinstance(blocks, list) or depth > _DEEPEST:
        return
    for block in blocks:
        if not isinstance(block, dict):
            continue
        if block.get("type") in ("rich_text_section", "rich_text_quote", "rich_text_preformatted"):
            yield "".join(_inline(block.get("elements"), names))
        elif isinstance(block.get("elements"), list):
            yield from _lines(block["elements"], names, depth + 1)
        yield from (_field(field, names) for field in [block.get("text"), *_list(block.get("fields"))])


def _field(field: object, names: Names) -> str:
    if not isinstance(field, dict) or not isinstance(field.get("text"), str):
        return ""
    text: str = field["text"]
    return plain(text, names) if field.get("type") == "mrkdwn" else text


def _inline(elements: object, names: Names) -> Iterator[str]:
    for element in _list(elements):
        if isinstance(element, dict):
            yield _element({name: value for name, value in element.items() if isinstance(value, str)}, names)


def _element(element: Mapping[str, str], names: Names) -> str:
    match element.get("type"):
        case "user":
            user = element.get("user_id", "")
            return "@" + names.people.get(user, user)
        case "channel":
            channel = element.get("channel_id", "")
            return "#" + names.channels.get(channel, channel)
        case "broadcast":
            return "@" + element.get("range", "")
        case "emoji":
            return f":{element.get('name', '')}:"
        case _:
            return element.get("text") or element.get("url", "")


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def name_of(user: Row) -> str | None:
    """What a person is called, out of the several names that Slack keeps."""
    profile = user.get("profile")
    profile = profile if isinstance(profile, dict) else {}
    names = (profile.get("display_name"), profile.get("real_name"), user.get("real_name"), user.get("name"))
    return next((name for name in names if isinstance(name, str) and name), None)
