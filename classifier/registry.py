"""Model versions as files: taking a trained folder in, and finding the folder of the model in use.

A version's folder holds safetensors, JSON and a model card, and is readable without us. Which one is in use stands in
the table (`overheard.modelling.versions`).
"""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from classifier import first_stage
from classifier.adapters import ADAPTERS_FILE
from classifier.card import CARD_FILE
from classifier.head import SCHEME_FILE, WEIGHTS_FILE, read_scheme
from classifier.model import SHIPPED, seen_in, version_of
from classifier.ranges import RANGES_FILE
from overheard.errors import ModelError
from overheard.home import prepare_home
from overheard.modelling.versions import activate, add, folder_of, own_heads, rollback, versions
from overheard.modelling.versions import champion as champion_row
from overheard.modelling.vocabulary import ModelState
from overheard.models import ModelVersion
from overheard.settings import Settings

__all__ = ["SHIPPED", "activate", "champion", "folder_of", "register", "rollback", "versions"]

REPORT_FILE = "report.json"
FILES = (
    WEIGHTS_FILE,
    SCHEME_FILE,
    ADAPTERS_FILE,
    first_stage.WEIGHTS_FILE,
    first_stage.SCHEME_FILE,
    RANGES_FILE,
    CARD_FILE,
)
"""What a version's folder may hold besides its report; the first two it must."""


def champion(session: Session, settings: Settings) -> Path:
    """The folder of the model in use.

    A folder that the settings name is used whatever stands in the table: whoever set it meant that one.
    """
    if settings.model_path is not None:
        return settings.model_path
    row = champion_row(session)
    return folder_of(settings, row) if row else SHIPPED


def own_folders(session: Session, settings: Settings) -> dict[int, Path]:
    """The folders of the campaigns' own heads in use, by the numbers of their versions."""
    return {head.id: folder_of(settings, head) for head in own_heads(session)}


def register(
    session: Session,
    settings: Settings,
    folder: Path,
    *,
    parent: str | None,
    dataset_id: int | None = None,
    report: dict[str, Any],
    now: datetime,
    campaign_id: int | None = None,
) -> ModelVersion:
    """Take a trained model in, as a challenger: its files are copied to the home folder. A model that is known already
    stays as it is. With `campaign_id` it is a campaign's own head.

    With the first one the shipped model is taken in too, as the champion that it is.
    """
    if not versions(session):
        _take_in(
            session, settings, SHIPPED, state=ModelState.CHAMPION, parent=None, dataset_id=None, report={}, now=now
        )
    return _take_in(
        session,
        settings,
        folder,
        state=ModelState.CHALLENGER,
        parent=parent,
        dataset_id=dataset_id,
        report=report,
        now=now,
        campaign_id=campaign_id,
    )


def _take_in(
    session: Session,
    settings: Settings,
    folder: Path,
    *,
    state: ModelState,
    parent: str | None,
    dataset_id: int | None,
    report: dict[str, Any],
    now: datetime,
    campaign_id: int | None = None,
) -> ModelVersion:
    name = version_of(folder)
    known = [one for one in versions(session) if one.name == name]
    if known:
        return known[0]
    if campaign_id is not None and (shared := champion_row(session)) and shared.reader is None:
        shared.reader = seen_in(folder_of(settings, shared))  # it was registered before there were own heads
    version = add(
        session,
        name,
        state=state,
        threshold=read_scheme(folder).threshold,
        parent=parent,
        dataset_id=dataset_id,
        report=report,
        now=now,
        campaign_id=campaign_id,
        reader=seen_in(folder),
    )
    prepare_home(settings)
    told = json.dumps(report, indent=2, sort_keys=True) + "\n"
    copy_files(folder, folder_of(settings, version), {REPORT_FILE: told.encode()})
    return version


def copy_files(folder: Path, to: Path, written: Mapping[str, bytes]) -> None:
    """A model's files in another folder, which appears when it is whole; what `written` says stands beside them."""
    if to.exists():  # named by what it holds: an earlier attempt left it there
        return
    draft = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        draft.mkdir(parents=True)
        for name in present(folder, FILES):
            shutil.copyfile(folder / name, draft / name)
        for name, content in written.items():
            (draft / name).write_bytes(content)
        draft.rename(to)
    except OSError as error:
        raise ModelError(f"The model cannot be copied to {to}: {error.strerror}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def present(folder: Path, names: Iterable[str]) -> list[str]:
    """Those of the names that are files in a folder."""
    return [name for name in names if (folder / name).is_file()]
