"""Contents that are lost are asked of the PACS again, and only what comes back the same counts."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select

from pacs2trial.errors import TransientError
from pacs2trial.network.association import UnreachableError
from pacs2trial.network.suboperations import never
from pacs2trial.network.webpeer import Node
from pacs2trial.restore.contents import Content, is_there
from pacs2trial.retrieve.outstanding import AskedInstance
from pacs2trial.retrieve.requests import Level, requests
from pacs2trial.retrieve.shown import by_home, shown
from pacs2trial.retrieve.turn import Hours
from pacs2trial.retrieve.ways import Retrieval, retrieval
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance, InstanceState, QuarantineItem, StagedVersion, now
from pacs2trial.workspace import Workspace

_log = logging.getLogger(__name__)
CALLER = "restore"
_POLL = 0.2  # seconds between two looks at staging

NOT_IN_PACS = "the PACS does not have it any more"
NOT_SENT = "the PACS shows it and did not send it"
OTHER_CONTENT = "the PACS holds another content of it now, or this release stages it differently"
IN_QUARANTINE = "it came and waits in quarantine"


@dataclass(frozen=True)
class Absent:
    """A content that did not come back, and why."""

    content: Content
    reason: str


def bring_back(
    ws: Workspace,
    definition: TrialDefinition,
    subject_key: str,
    lost: Sequence[Content],
    *,
    cancelled: Callable[[], bool] = never,
) -> list[Absent]:
    """Ask the PACS for what is lost and wait for it. What comes differently becomes another version beside the first.

    Args:
        ws: the site.
        definition: where to ask for what came unasked, and which way things are retrieved.
        subject_key: for the log.
        lost: the contents that are wanted.
        cancelled: asked at every response of the PACS; when true the transfer is stopped.

    Returns:
        What did not come back.

    Raises:
        InputError: the connection to the PACS is unknown.
        ClosedError: the PACS may not be asked to send at this hour.
        TransientError: the PACS cannot be reached.
        PermanentError: it refuses us.
    """
    absent: list[Absent] = []
    source = definition.source
    for node, contents in by_home(lost, ws.connections, ws.settings, source.pacs, source.retrieve):
        purpose = f"restore {definition.trial}"
        held = shown(ws.vault, node, contents, caller=CALLER, purpose=purpose)
        absent += [Absent(one, NOT_IN_PACS) for one in contents if one.sop_instance not in held]
        wanted = [one for one in contents if one.sop_instance in held]
        if wanted:
            absent += _Fetching(ws, definition, node, subject_key, cancelled).fetch(wanted)
    return absent


class _Fetching:
    """The requests to one PACS for one subject."""

    def __init__(
        self,
        ws: Workspace,
        definition: TrialDefinition,
        node: Node,
        subject_key: str,
        cancelled: Callable[[], bool],
    ) -> None:
        self._ws = ws
        self._retrieve: Retrieval = retrieval(ws, definition, node, cancelled)
        self._by_move = definition.source.retrieve == "c-move"
        self._purpose = f"{definition.source.retrieve} to restore {definition.trial}"
        self._patience = node.patience
        self._subject_key = subject_key
        self._begun: datetime = now()
        Hours(node, ws.settings).require_open()

    def fetch(self, wanted: Sequence[Content]) -> list[Absent]:
        """Ask twice at most, wait for what is on its way, tell what did not come."""
        self._ask(wanted, Level.SERIES)
        left = self._unsettled(wanted, self._patience.retry_wait)
        if left:
            self._ask(left, Level.INSTANCE)
            self._unsettled(left, self._patience.settle_timeout)
        absent = [one for one in wanted if not is_there(self._ws.settings, one)]
        return [Absent(one, self._fate(one) or (OTHER_CONTENT if self._others(one) else NOT_SENT)) for one in absent]

    def _ask(self, wanted: Sequence[Content], level: Level) -> None:
        asked = _with_their_series(self._ws, self._subject_key, wanted)
        for request in requests(self._ws.vault, asked, purpose=self._purpose, level=level):
            try:
                self._retrieve(request)
            except UnreachableError:
                raise
            except TransientError as error:
                _log.warning("%s: %s", self._subject_key, error)

    def _unsettled(self, wanted: Sequence[Content], limit: float) -> list[Content]:
        """Wait until all have come, one way or another, or nothing came for ``limit`` seconds; returns the rest."""
        left = self._open(wanted)
        changed = time.monotonic()
        while left and self._by_move and time.monotonic() - changed < limit:
            time.sleep(_POLL)
            still = self._open(left)
            if len(still) < len(left):
                left, changed = still, time.monotonic()
        return left

    def _open(self, wanted: Sequence[Content]) -> list[Content]:
        return [one for one in wanted if not is_there(self._ws.settings, one) and not self._fate(one)]

    def _fate(self, content: Content) -> str:
        """Why the content that was asked for will not come although its instance did; empty while nothing came."""
        with self._ws.vault.session(read_only=True) as session:
            query = select(QuarantineItem.id).where(
                QuarantineItem.instance_id == content.instance_id, QuarantineItem.received_at >= self._begun
            )
            quarantined = session.scalars(query).first()
        if quarantined is not None:
            return IN_QUARANTINE
        came = any(path.stat().st_mtime >= self._begun.timestamp() for path in self._others(content))
        return OTHER_CONTENT if came else ""

    def _others(self, content: Content) -> list[Path]:
        """The files of other contents of the same instance."""
        with self._ws.vault.session(read_only=True) as session:
            query = select(StagedVersion.path).where(
                StagedVersion.instance_id == content.instance_id, StagedVersion.digest != content.digest
            )
            paths = [self._ws.settings.staging / path for path in session.scalars(query)]
        return [path for path in paths if path.is_file()]


def _with_their_series(ws: Workspace, subject_key: str, wanted: Sequence[Content]) -> list[AskedInstance]:
    """The instances of all series concerned, outstanding where they are wanted, so that whole series are seen as such.

    In order of series and SOP Instance UID.
    """
    outstanding = {one.instance_id for one in wanted}
    series = sorted({one.series for one in wanted})
    found: list[AskedInstance] = []
    with ws.vault.session(read_only=True) as session:
        for batch in batches(series):
            query = select(Instance).where(Instance.series.in_(batch))
            found += [
                AskedInstance(
                    subject_key,
                    one.study,
                    one.series,
                    one.sop_instance,
                    one.sop_class,
                    InstanceState.EXPECTED if one.id in outstanding else InstanceState.STAGED,
                )
                for one in session.scalars(query)
            ]
    return sorted(found, key=lambda one: (one.study, one.series, one.sop_instance))
