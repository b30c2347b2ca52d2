"""The two kinds of scope: what is staged as it is, and what a trial would get of it.

A trial's view goes through the very functions that make its packages (:mod:`pacs2trial.collect`): the same choice of
objects, plan, subject key, values of rules. It writes nothing but pseudonyms.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from typing import Protocol

from sqlalchemy.orm import Session

from pacs2trial.collect.stage2 import Recipe, address, transform
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.dicomfile.mapped import mapped
from pacs2trial.errors import HeldError, InputError, PermanentError, UnsafeObjectError
from pacs2trial.holdings.headers import Headers
from pacs2trial.holdings.ledger import Content, Ledger
from pacs2trial.holdings.objects import ShownObject
from pacs2trial.keytable import EnrolledSubject, enrolled
from pacs2trial.lookups import Asked
from pacs2trial.profile import Plan, trial_plan
from pacs2trial.profile.site_list import site_list
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.vault import Original
from pacs2trial.vault.tables import Kind
from pacs2trial.workspace import Workspace

_REMEMBERED = 1000
_WITH_NAMES = frozenset(("RTSTRUCT", "RTPLAN", "RTRECORD", "SEG", "SR", "REG"))
"""Modalities of objects that name structures."""


class View(Protocol):
    """What is held, as one scope sees it. Safe for threads."""

    ws: Workspace
    scope: str
    ledger: Ledger
    headers: Headers
    """What was read of the scope's objects lately."""

    def shown(self, staged: Collection[str]) -> Mapping[str, str]:
        """The UIDs of the scope for UIDs of staging."""
        ...

    def staged(self, session: Session, shown: Collection[str]) -> dict[str, str]:
        """The UIDs of staging for UIDs of the scope; unknown ones are left out."""
        ...

    def is_held(self, content: Content) -> bool:
        """Whether an object that is listed waits for a person all the same, so that it cannot be shown now."""
        ...

    def object_of(self, content: Content) -> ShownObject:
        """One object, encoded.

        Raises:
            HeldError: it waits for a person: a name in it or an answer to a look-up is not known.
            InputError: key table or look-ups lack what a rule asks for.
            PermanentError: its file was cleaned up, is lost or damaged.
            TransientError: vault or disk did not answer.
        """
        ...


class StagingView:
    """Staged objects by their staging pseudonyms, byte for byte."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self.scope = STAGING
        self.ledger = Ledger()
        self.headers = Headers()

    def shown(self, staged: Collection[str]) -> Mapping[str, str]:
        return {uid: uid for uid in staged}

    def staged(self, session: Session, shown: Collection[str]) -> dict[str, str]:
        return {uid: uid for uid in shown}

    def is_held(self, content: Content) -> bool:
        return False

    def object_of(self, content: Content) -> ShownObject:
        source = content.chosen
        try:
            found = split_file(mapped(self.ws.settings.staging / source.path, whole=False))
        except (OSError, ValueError) as error:
            raise PermanentError(f"staged file {source.path} cannot be read: {type(error).__name__}") from None
        except UnsafeObjectError as error:
            raise PermanentError(f"staged file {source.path} is damaged: {error.reason}") from None
        return ShownObject(
            study=source.study,
            series=source.series,
            sop_instance=source.sop_instance,
            sop_class=content.sop_class,
            transfer_syntax=found.transfer_syntax,
            header=found.header,
            pixel=[found.pixel] if len(found.pixel) else [],
        )


class TrialView:
    """What a trial would get, pseudonymised for it object by object."""

    def __init__(self, ws: Workspace, definition: TrialDefinition) -> None:
        self.ws = ws
        self.scope = definition.trial
        self.ledger = Ledger(definition.trial)
        self.headers = Headers()
        self.definition = definition
        self._private = site_list(ws.settings)
        self._recipes: dict[tuple[int, int], tuple[EnrolledSubject, Recipe]] = {}
        self._lock = threading.Lock()

    @property
    def plan(self) -> Plan:
        """What stage 2 does with every attribute for this trial."""
        return trial_plan(self.definition, self._private)

    def shown(self, staged: Collection[str]) -> Mapping[str, str]:
        originals = {Original(Kind.UID, uid): uid for uid in staged}
        found = self.ws.vault.pseudonyms(self.scope).resolve(originals)
        return {uid: found[original] for original, uid in originals.items()}

    def staged(self, session: Session, shown: Collection[str]) -> dict[str, str]:
        return self.ws.vault.pseudonyms(self.scope).holders(session, Kind.UID, shown)

    def is_held(self, content: Content) -> bool:
        names = self.definition.profile.roi_names.unknown == "hold" and content.modality in _WITH_NAMES
        try:
            if names:
                self.object_of(content)
            elif self.definition.lookups:
                self._completed(content)
        except HeldError:
            return True
        return False

    def object_of(self, content: Content) -> ShownObject:
        recipe = self._completed(content)
        (item,) = address(recipe, [content.chosen])
        made, _parts = transform(recipe, self.ws.settings.staging, item)
        if made.unknown_names:
            raise HeldError(
                f"{self.scope}/{content.owner}: {len(made.unknown_names)} names of structures are not known to "
                f"the trial; pacs2trial review {self.scope} lists them"
            )
        return ShownObject(
            study=made.study,
            series=made.series,
            sop_instance=made.sop_instance,
            sop_class=made.sop_class,
            transfer_syntax=made.transfer_syntax,
            header=made.header,
            pixel=made.pixel,
        )

    def _completed(self, content: Content) -> Recipe:
        """The recipe with what rules write into this object."""
        subject, base = self._recipe(content)
        answers = Asked(self.ws, self.definition, subject, written_down=False)
        return base.completed(self.ws, subject, [content.chosen], answers)

    def _recipe(self, content: Content) -> tuple[EnrolledSubject, Recipe]:
        """The recipe of a subject as the key table is now; what it says is disclosed once for each version of it."""
        key = (content.subject_id, content.revision)
        with self._lock:
            known = self._recipes.get(key)
        if known is None:
            (subject,) = enrolled(self.ws.vault, self.scope, [content.owner])
            known = subject, Recipe.of(self.ws.vault, self.definition, subject, self._private)
            with self._lock:
                if len(self._recipes) >= _REMEMBERED:
                    self._recipes.clear()
                if subject.revision == content.revision:
                    self._recipes[key] = known
        return known


class Views:
    """The views of a site; each is made anew when the definition of its trial, or the site's own list, changes."""

    def __init__(self, ws: Workspace) -> None:
        self.ws = ws
        self._staging = StagingView(ws)
        self._trials: dict[str, tuple[object, TrialView]] = {}

    def of(self, scope: str) -> View:
        """The view of STAGING or of a trial.

        Raises:
            InputError: there is no such trial, or its definition is wrong.
        """
        if scope == STAGING:
            return self._staging
        definition = self.ws.definition(scope)
        if definition.trial != scope:
            raise InputError(f"there is no trial {scope}; {definition.trial} is written otherwise")
        made_from = (definition, site_list(self.ws.settings))
        known = self._trials.get(scope)
        if known is None or known[0] != made_from:
            known = self._trials[scope] = (made_from, TrialView(self.ws, definition))
        return known[1]
