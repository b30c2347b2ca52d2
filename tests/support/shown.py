"""A site with staged studies of several patients, a trial that gets some of them, and what its package holds."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import RLELossless
from sqlalchemy import select, update

from pacs2trial.holdings.view import View, Views
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.tables import Instance, Judgement, StagedVersion, TrialInstance
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER, VANDENBROUCKX
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

SUBJECTS = {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER}


@dataclass(frozen=True)
class ShownSite:
    """``members`` are the DICOM members of all packages of LUNGART, by name; ``left_out`` the UIDs in staging of what
    it does not get."""

    hospital: Hospital
    members: Mapping[str, bytes]
    left_out: frozenset[str]

    @property
    def ws(self) -> Workspace:
        return self.hospital.ws

    def view(self, scope: str) -> View:
        return Views(self.ws).of(scope)

    def staged(self) -> dict[str, bytes]:
        """Every staged file by its SOP Instance UID in staging."""
        with self.ws.vault.session(read_only=True) as session:
            rows = session.execute(
                select(Instance.sop_instance, StagedVersion.path).join(
                    StagedVersion, StagedVersion.instance_id == Instance.id
                )
            ).all()
        return {uid: (self.ws.settings.staging / path).read_bytes() for uid, path in rows}

    def given(self) -> dict[str, bytes]:
        """What the trial gets, by its SOP Instance UID in the trial."""
        return {Path(name).stem: content for name, content in self.members.items()}


def compressed(study: list[FileDataset]) -> list[FileDataset]:
    for dataset in study:
        if "PixelData" in dataset:
            dataset.compress(RLELossless, generate_instance_uid=False)
    return study


@pytest.fixture(scope="session")
def shown_site(tmp_path_factory: pytest.TempPathFactory, furnished_home: Path) -> Iterator[ShownSite]:
    """Three patients: LA-001 with a planning study and compressed CT, LA-002 with a held and a rejected image, and one
    who is in no trial. Not to be changed."""
    folder = tmp_path_factory.mktemp("shown")
    shutil.copytree(furnished_home, folder / "site")
    settings = Settings(home=folder / "site" / "home", trials=folder / "site" / "trials", receiver_port=0)
    workspace = Workspace.open(settings)
    site = Hospital(workspace)
    site.enrol(LUNG, SUBJECTS)
    site.stage(compressed(small_study(when=SECOND_DAY, parts={"CT"}, slices=2)))
    site.stage(small_study(OXENBARGER, parts={"CT"}, slices=4))
    site.stage(small_study(VANDENBROUCKX, parts={"CT"}, slices=2))
    members: dict[str, bytes] = {}
    for key in SUBJECTS:
        site.filter(LUNG, key)
    left_out = _judge_otherwise(site)
    for key in SUBJECTS:
        members |= _package(site, key, folder)
    yield ShownSite(site, members, left_out)
    workspace.vault.close()


def _judge_otherwise(site: Hospital) -> frozenset[str]:
    """One image of LA-002 is held, one rejected; what the person in no trial has is not the trial's at all."""
    subject = site.subject(LUNG, "LA-002")
    with site.ws.vault.session() as session:
        of_subject = select(TrialInstance.id, Instance.sop_instance).join(
            Instance, Instance.id == TrialInstance.instance_id
        )
        mine = session.execute(of_subject.where(TrialInstance.subject_id == subject.subject_id)).all()
        for (row, _uid), state in zip(mine, (Judgement.HELD, Judgement.REJECTED), strict=False):
            session.execute(update(TrialInstance).where(TrialInstance.id == row).values(state=state))
        unjudged = session.scalars(
            select(Instance.sop_instance).where(
                Instance.id.not_in(select(TrialInstance.instance_id).where(TrialInstance.trial == LUNG))
            )
        )
        return frozenset([mine[0][1], mine[1][1], *unjudged])


def _package(site: Hospital, key: str, folder: Path) -> dict[str, bytes]:
    """The members of a subject's package, made of what is accepted now."""
    from pacs2trial.collect.chosen import chosen
    from pacs2trial.collect.stage2 import Recipe, address
    from pacs2trial.collect.writing import write_package
    from pacs2trial.lookups import Asked

    definition, subject = site.ws.definition(LUNG), site.subject(LUNG, key)
    with site.ws.vault.session(read_only=True) as session:
        members = chosen(session, LUNG, subject.subject_id)
    recipe = Recipe.of(site.ws.vault, definition, subject, ())
    recipe = recipe.completed(site.ws, subject, members, Asked(site.ws, definition, subject))
    write_package(site.ws.settings, recipe, "", address(recipe, members), "", folder, f"{key}.zip")
    with zipfile.ZipFile(folder / f"{key}.zip") as archive:
        return {name: archive.read(name) for name in archive.namelist() if name.endswith(".dcm")}


SCOPES = (STAGING, LUNG)
