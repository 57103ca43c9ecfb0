"""What `/v1` takes and gives about requests of people who are stored here."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel, Field, model_validator
from sqlalchemy.orm import Session

from api.bodies import Body
from api.deps import Text
from overheard.models import Erasure
from overheard.privacy import receipts, subjects
from overheard.privacy.subjects import Subject
from overheard.privacy.vocabulary import SubjectKind
from overheard.vocabulary import Platform

# --- what is taken -------------------------------------------------------------------------------------------------


class PersonBody(Body):
    """One author."""

    author: Text = Field(max_length=2000, description="`PLATFORM:NAME`, like `reddit:somebody`.")


class SubjectBody(Body):
    """One of the three."""

    author: Text | None = Field(None, max_length=2000, description="`PLATFORM:NAME`, like `reddit:somebody`.")
    post: Text | None = Field(None, max_length=2000, description="Its address, its number here, or `PLATFORM:ID`.")
    source: Text | None = Field(None, max_length=2000, description="Its number here, or its community.")

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if len([said for said in (self.author, self.post, self.source) if said]) != 1:
            message = "say what it is about: author, post or source, one of them"
            raise ValueError(message)
        return self

    def subject(self, db: Session) -> Subject:
        """What stands for it."""
        if self.author:
            return subjects.author(db, self.author)
        return subjects.post(db, self.post) if self.post else subjects.source(db, self.source or "")


class ErasureBody(SubjectBody):
    """What is to be erased."""

    reason: Text = Field("", max_length=200, description="Why, without a name: the receipt outlives the erasure.")
    for_good: bool = Field(False, description="Of an author: take in nothing more, and never write to them.")


# --- what is given -------------------------------------------------------------------------------------------------


class PreviewBody(BaseModel):
    """What would go. Nothing is changed."""

    kind: SubjectKind
    platform: Platform
    counts: dict[str, int] = Field(description="Rows by table, and what is emptied.")
    learned: list[str] = Field(description="Model versions that learned from some of it.")
    elsewhere: dict[str, int] = Field(description="Rows of others that say the name; they stay.")


class ReceiptBody(BaseModel):
    """What was erased. It names nobody."""

    receipt: str
    at: datetime
    by: str
    kind: SubjectKind
    platform: Platform
    subject_hash: str = Field(description="A keyed hash of whom or what.")
    reason: str
    for_good: bool
    counts: dict[str, int]
    model_versions_that_learned_from_it: list[str]
    backups_that_still_hold_it: int
    backups_until: datetime | None
    finished_at: datetime | None = Field(description="Null: it is under way, and `counts` say how far it is.")
    erased_again_at: datetime | None = Field(description="When it was done again, on an older backup.")

    @classmethod
    def of(cls, one: Erasure) -> Self:
        """From the row."""
        return cls.model_validate(receipts.as_json(one))
