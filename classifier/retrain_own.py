"""Whose own head a retraining makes: which labels count in full, and what it is measured with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy.orm import Session

from classifier.datasets import Side
from classifier.metrics import Flags
from overheard.labelling.examples import Example
from overheard.marketing.campaigns import by_name
from overheard.modelling.versions import folder_of, own_heads
from overheard.settings import Settings


@dataclass(frozen=True)
class Own:
    """The campaign whose own head is made."""

    campaign_id: int
    folder: Path
    """Of the head that is in use for it: its own, or the shared one."""
    threshold: float | None

    @classmethod
    def of(cls, session: Session, settings: Settings, name: str, shared: Path) -> "Own":
        campaign = by_name(session, name)
        standing = {head.campaign_id: folder_of(settings, head) for head in own_heads(session)}
        return cls(campaign.id, standing.get(campaign.id, shared), campaign.threshold)

    def are_own(self, examples: Sequence[Example]) -> Flags:
        """Which of them are its own: by these its head is calibrated."""
        return np.array([one.campaign_id == self.campaign_id for one in examples], dtype=bool)

    def measured(self, sides: dict[Side, list[Example]]) -> dict[Side, list[Example]]:
        """Its own examples: what others say of their posts tells nothing of it."""
        return {side: [one for one in some if one.campaign_id == self.campaign_id] for side, some in sides.items()}

    def weighed(self, examples: list[Example], others: float) -> list[Example]:
        """All examples; those of others count less."""
        return [
            one if one.campaign_id == self.campaign_id else replace(one, weight=one.weight * others) for one in examples
        ]
