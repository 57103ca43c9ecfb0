"""The words of model versions, as closed lists."""

from enum import StrEnum


class ModelState(StrEnum):
    """Where a model version stands."""

    CHALLENGER = "challenger"
    """Trained, and not in use."""
    SHADOW = "shadow"
    """Judges live posts beside the champion; nobody in the queue sees what it says."""
    CHAMPION = "champion"
    """In use."""
    RETIRED = "retired"
    """Was in use."""
