"""A post whose writer says, in a line made for it, that the need is met: "EDIT: found it, thanks".

The one rule beside the model: it reads such a post as what it was before. Anything less plain is left to the model.
"""

import re

from classifier.text import FIELDS, PostText, Sentence

_TAG = re.compile(
    r"^[^\w\n]*\[\s*(?:re)?(?:solved|sorted|found|closed|settled)\s*\]|^\W*solved\b(?=\W*(?:$|[:!.,]))", re.IGNORECASE
)
_EDIT = re.compile(r"^\W*(?:edit|edited|update|updated)\b[\s\d]*[^\w\s]+\s*(?P<said>.+)", re.IGNORECASE)
_WHOM = r"(?:it|one|some(?:one|body|thing)|an? \w+(?: \w+){0,3})"
_MET = re.compile(
    r"^(?:(?:it|this|that|all|now|is|are|has|have|been|we|i|problem|issue|got|'?s|'?ve)\W+)*"
    r"(?:(?:re)?solved|sorted|settled|found|booked|hired|bought|ordered|decided|closed|all set"
    r"|no longer (?:needed|looking))"
    rf"(?:\W+{_WHOM})?\W*(?:$|[,.;!]|\b(?:and|now|already|thanks|thank|thx|cheers|ty)\b)",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\?|\b(?:still|yet|not|never|nothing|nobody|but|typo|mistake|error)\b|n't\b", re.IGNORECASE)


def find_settled(post: PostText) -> Sentence | None:
    """The line that says so, or None."""
    for field in FIELDS:
        for line in re.finditer(r"[^\n]+", post.readable(field)):
            edit = _EDIT.match(line[0])
            met = edit is not None and _MET.match(edit["said"]) is not None
            if (met or _TAG.match(line[0])) and not _OPEN.search(line[0]):
                return Sentence(field, line.start(), line.end())
    return None
