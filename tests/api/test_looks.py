"""What can be said about looks in numbers: every text is readable on every ground it stands on, in both themes."""

import re
from pathlib import Path

import pytest

import api

SHEET = (Path(api.__file__).parent / "static" / "app.css").read_text()
COLOURS = {name: pair for name, *pair in re.findall(r"--([\w-]+): light-dark\(#(\w+), #(\w+)\)", SHEET)}
ENOUGH = 4.5  # WCAG 2.2 AA for text of ordinary size

ON = {
    "ink": ["bg", "panel", "raised", "hover", "evidence"],
    "soft": ["bg", "panel", "raised", "hover"],
    "accent": ["bg", "panel", "good-bg"],
    "accent-strong": ["bg", "panel", "good-bg"],
    "on-accent": ["accent", "accent-strong"],
    "good": ["panel", "good-bg"],
    "bad": ["bad-bg"],
}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), [(text, ground) for text, grounds in ON.items() for ground in grounds])
def test_every_text_stands_out_from_its_ground(text: str, ground: str, theme: int) -> None:
    darker, lighter = sorted(_luminance(COLOURS[name][theme]) for name in (text, ground))
    assert (lighter + 0.05) / (darker + 0.05) >= ENOUGH


def _luminance(colour: str) -> float:
    digits = "".join(digit * 2 for digit in colour) if len(colour) == 3 else colour
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
