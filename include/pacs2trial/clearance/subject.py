"""The filter with eyes: what a trial wants and the site suspects for its pixels is looked at, then judged.

Each image is decided and committed by itself: a run that is stopped goes on with the next one, and what was decided
once is never looked at again, by whatever way or trial it comes.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from sqlalchemy import select

from pacs2trial.clearance.examined import Examined, examine
from pacs2trial.clearance.faces import remove_face
from pacs2trial.clearance.identifiers import CALLER, of_person
from pacs2trial.clearance.in_staging import look_in_staging
from pacs2trial.clearance.recording import mark, record
from pacs2trial.deidentify.identifiers import Harvest, OwnIdentifiers, own_identifiers
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import PermanentError, UnsafeObjectError
from pacs2trial.filtering import filter as header_filter
from pacs2trial.filtering.filter import Filtered
from pacs2trial.filtering.looks import Look, standing
from pacs2trial.filtering.pixel_decisions import Decided, decisions_about, detector, pixels_of
from pacs2trial.intake.made import made_of
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.staging import quarantine
from pacs2trial.staging.quarantine import WAITING
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import Instance, InstanceState, QuarantineItem
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
"""Called after each image with how many were seen to, of how many."""


def filter_subject(
    ws: Workspace, definition: TrialDefinition, subject: EnrolledSubject, *, progress: Progress | None = None
) -> Filtered:
    """Judge every instance of a subject; look at the pixels of what has to be looked at, and judge again.

    Then the site's program is asked about the faces that the trial has removed, series by series.

    Raises:
        TransientError: another process works on this subject, or vault or disk did not answer; what was decided until
            then is kept.
        SetupError: the models that read text are not installed.
    """
    filtered = header_filter.filter_subject(ws, definition, subject)
    clearing = Clearing(ws, definition.trial, subject)
    for number, look in enumerate(filtered.looks, 1):
        clearing.clear(look)
        log.info("%s/%s: %d of %d images", definition.trial, subject.subject_key, number, len(filtered.looks))
        if progress is not None:
            progress(number, len(filtered.looks))
    if filtered.looks:
        filtered = header_filter.filter_subject(ws, definition, subject)
    for number, volume in enumerate(filtered.faces, 1):
        log.info("%s/%s: face of series %d of %d", definition.trial, subject.subject_key, number, len(filtered.faces))
        outcome = remove_face(ws, volume)
        clearing.images[outcome] += len(volume.members)
        log.info("%s/%s: %s, %d objects", definition.trial, subject.subject_key, outcome, len(volume.members))
    if filtered.faces:
        filtered = header_filter.filter_subject(ws, definition, subject)
    return replace(filtered, images=dict(clearing.images), looked=clearing.looked)


@dataclass
class Clearing:
    """Looks at images of one subject, and does what is decided."""

    ws: Workspace
    trial: str
    subject: EnrolledSubject
    images: Counter[str] = field(default_factory=Counter)
    looked: int = 0

    @cached_property
    def _person(self) -> frozenset[Harvest]:
        return of_person(self.ws, self.subject.person_id, purpose=self._purpose)

    @property
    def _purpose(self) -> str:
        return f"text in pixels, trial {self.trial}"

    def own(self, harvest: frozenset[Harvest] = frozenset()) -> OwnIdentifiers:
        """What identifies the person, with what one object says besides."""
        return own_identifiers(self._person | harvest)

    def clear(self, look: Look) -> None:
        """See to one instance: what waits of it in quarantine, or what lies in staging."""
        with self.ws.vault.session(read_only=True) as session:
            instance = session.get_one(Instance, look.instance_id)
            waiting = select(QuarantineItem.token).where(
                QuarantineItem.instance_id == instance.id, QuarantineItem.state == WAITING
            )
            tokens = list(session.scalars(waiting.order_by(QuarantineItem.id)))
        if instance.state == InstanceState.QUARANTINED:
            for token in tokens:
                self._clear_quarantined(look, instance, token)
        else:
            decided, looked = look_in_staging(self.ws, self.trial, look, self.own)
            self._count(decided, looked=looked)

    def _clear_quarantined(self, look: Look, instance: Instance, token: str) -> None:
        ws = self.ws
        try:
            data = quarantine.read(ws, token, caller=CALLER, purpose=self._purpose)
        except PermanentError as error:
            log.warning("%s", error)
            return
        decided = self._decided(look, data, token)
        if decided.lets_in:
            staged = stage_part10(ws, data, source=instance.source)
            if staged.outcome is not InstanceState.STAGED:
                log.warning(
                    "instance %s was let in and is %s: %s", instance.sop_instance, staged.outcome, staged.reason
                )

    def _decided(self, look: Look, data: bytes, token: str) -> Decided:
        ws = self.ws
        try:
            made = made_of(ws, data)
        except UnsafeObjectError as unsafe:
            return self._record(look, token, token, Examined("hold", (), unsafe.reason))
        pixels = pixels_of(ws.vault, split_file(made.file))
        with ws.vault.session(read_only=True) as session:
            known = decisions_about(session, [look.instance_id]).get(look.instance_id, {}).get(pixels)
        if known is not None and (known.lets_in or standing(known, detector(ws.settings))):
            with ws.vault.session() as session:
                mark(session, token, pixels)
            self._count(known, looked=False)
            return known
        return self._record(look, token, pixels, examine(made.file, self.own(made.harvest), look.areas, ws.settings))

    def _record(self, look: Look, token: str, pixels: str, examined: Examined) -> Decided:
        with self.ws.vault.session() as session:
            decided = record(session, self.ws, look.instance_id, pixels, examined, rule=look.rule)
            mark(session, token, pixels)
        self._count(decided, looked=True)
        return decided

    def _count(self, decided: Decided, *, looked: bool) -> None:
        self.images[decided.outcome] += 1
        self.looked += looked
