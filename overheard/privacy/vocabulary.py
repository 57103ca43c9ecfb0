"""The words of requests about stored people, as closed lists."""

from enum import StrEnum


class SubjectKind(StrEnum):
    """What somebody asked to have erased."""

    AUTHOR = "author"
    POST = "post"
    SOURCE = "source"
