"""Posts as they might have been written too: after a greeting, behind a long story, with thanks at the end.

People who ask say such things, and the training posts, cut short and drawn for their words, have too few of them.
"""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from classifier.config import Variations
from classifier.rows import LabelledRow
from classifier.text import PostText
from overheard.errors import InvalidInput

# Characters of the post that stand behind a story: all of it must be among what the encoder reads.
_BEHIND_A_STORY = 350


@dataclass(frozen=True)
class Fillers:
    """What people write around an ask, invented; none of it says a need."""

    greetings: tuple[str, ...]
    stories: tuple[str, ...]
    closers: tuple[str, ...]


def read_fillers(path: Path) -> Fillers:
    """The invented texts in a JSON file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Fillers(**{name: tuple(texts) for name, texts in content.items()})
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path} does not hold greetings, stories and closers: {error}.") from error


def vary(
    rows: Sequence[LabelledRow], fillers: Fillers, variations: Variations, *, seed: int
) -> Iterator[tuple[int, LabelledRow]]:
    """Some of the rows once more in other words around them, each with the place of the row it was made of."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    for place, row in enumerate(rows):
        if dice.random() < (variations.share_of_leads if row.label.is_lead else variations.share_of_others):
            yield place, replace(row, post=_vary(row.post, fillers, dice))


def _vary(post: PostText, fillers: Fillers, dice: random.Random) -> PostText:
    greeting, story, closer = (dice.choice(some) for some in (fillers.greetings, fillers.stories, fillers.closers))
    said = f"{post.title}\n{post.body}".strip()
    return dice.choice(
        (
            PostText("", f"{greeting}\n{said}"),
            PostText("", f"{greeting} {said}"),
            PostText("", f"{story}\n\n{said[:_BEHIND_A_STORY]}"),
            PostText("", f"{story} {said[:_BEHIND_A_STORY]}"),
            PostText("", f"{greeting} {story} {said[:_BEHIND_A_STORY]}"),
            PostText(post.title, f"{story}\n\n{post.body[:_BEHIND_A_STORY]}"),
            PostText(post.title, f"{post.body}\n\n{closer}"),
        )
    )
