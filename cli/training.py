"""What only training needs is an extra: an installation that serves, listens and judges does without."""

import importlib.util

from overheard.errors import OverheardError

_PACKAGES = ("torch", "transformers", "sklearn", "scipy")

MISSING = (
    "This learns, and what learning needs (torch, transformers, scikit-learn, scipy) is not installed: make install, "
    "or pip install -c constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu '.[train]'"
)


def is_for_training(error: ModuleNotFoundError) -> bool:
    """Whether a package is missing that comes with the extra `train`."""
    return (error.name or "").partition(".")[0] in _PACKAGES


def ask_for_training() -> None:
    """An error at once, where the lack would come out only when enough labels are new."""
    if not all(importlib.util.find_spec(name) for name in _PACKAGES):
        raise OverheardError(MISSING)
