"""The ledger: every instance from the moment a PACS announces it, or it arrives, in exactly one state (promise 4).

An instance enters as *expected* (a C-FIND named it) or by arriving. ``expected`` → ``staged``, ``quarantined``,
``rejected``, ``failed`` or ``missing``. A failed or missing one may still arrive or be announced anew; a staged,
quarantined or rejected one is settled, and nothing that arrives later changes that: another content becomes another
version beside the first, and only a person's decision moves it (:mod:`pacs2trial.filtering.decisions`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date

from sqlalchemy import Connection, CursorResult, bindparam, func, select, update
from sqlalchemy.orm import Session

from pacs2trial.staging.balance import ANNOUNCED, Balance, balance, balance_by_study
from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches, insert_new, inserted
from pacs2trial.vault.tables import Instance, InstanceState, QuarantineItem, StagedVersion, now

__all__ = [
    "Announced",
    "Arrival",
    "Balance",
    "Content",
    "Known",
    "Recorded",
    "balance",
    "balance_by_study",
    "enter_first",
    "enter_staged",
    "expect",
    "known",
    "record_arrival",
    "record_failed",
    "record_missing",
    "record_staged",
]

PULLED = "pull:"
"""How the source of an instance begins that a retrieval brought although no C-FIND had named it."""

_REASON_LENGTH = 200
_SOURCE_LENGTH = 64
_GIVEN_UP = (InstanceState.MISSING, InstanceState.FAILED)
_OPEN = (InstanceState.EXPECTED, *_GIVEN_UP)


_KNOWN = (
    select(
        Instance.identifier_id,
        Instance.state,
        Instance.reason,
        Instance.looked_at,
        StagedVersion.digest,
        StagedVersion.path,
        StagedVersion.removed_at,
    )
    .outerjoin(StagedVersion, StagedVersion.instance_id == Instance.id)
    .where(Instance.sop_instance == bindparam("sop_instance"))
)


@dataclass(frozen=True)
class Announced:
    """One instance by its staging pseudonyms, as an answer to C-FIND or an object on arrival describes it."""

    identifier_id: int
    study: str
    series: str
    sop_instance: str
    sop_class: str
    modality: str
    study_date: date | None


@dataclass(frozen=True)
class Arrival:
    """An object that arrived: what it is, where from (``push:<AE title>``, ``file``, …), its sealed filter facts."""

    instance: Announced
    source: str
    facts_sealed: bytes | None


@dataclass(frozen=True)
class Content:
    """One content of an instance in the staging store.

    ``path`` is relative to the staging folder, ``plan`` the digest of the pinned staging plan that made it, ``pixels``
    the look-up value of its pixels if something was decided about them.
    """

    digest: str
    size: int
    path: str
    plan: str
    pixels: str | None = None


@dataclass(frozen=True)
class Known:
    """What the ledger holds of an instance: patient, state, its reason, and the path of each content by digest.

    ``removed`` names the contents whose files were cleaned up; ``looked_at`` tells that something was decided about the
    pixels of one.
    """

    identifier_id: int
    state: InstanceState
    reason: str
    contents: dict[str, str]
    removed: frozenset[str] = frozenset()
    looked_at: bool = False


@dataclass(frozen=True)
class Recorded:
    """The state of the instance after recording, its reason, and whether this content was new to the ledger."""

    state: InstanceState
    reason: str
    new: bool


def expect(vault: Vault, announced: Sequence[Announced], *, source: str) -> int:
    """Store the instances that a PACS announced, before any of them is asked for.

    A settled instance keeps its state. One that failed or was missing is expected again. One that had come unasked
    counts as announced from now on.

    Args:
        vault: the vault.
        announced: what the PACS named.
        source: ``pacs:<connection>``.

    Returns:
        How many instances the ledger did not know before.

    Raises:
        TransientError: the vault cannot be written; nothing of this call is kept.
    """
    added = 0
    with vault.session() as session:
        for batch in batches(announced):
            these = Instance.sop_instance.in_({one.sop_instance for one in batch})
            number_known = select(func.count()).select_from(Instance).where(these)
            before = session.scalars(number_known).one()
            insert_new(session, Instance, [_values(one, InstanceState.EXPECTED, source) for one in batch])
            added += session.scalars(number_known).one() - before
            session.execute(
                update(Instance)
                .where(these, Instance.state.in_([InstanceState.MISSING, InstanceState.FAILED]))
                .values(state=InstanceState.EXPECTED, reason="", settled_at=None)
            )
            session.execute(
                update(Instance).where(these, Instance.source.not_like(f"{ANNOUNCED}%")).values(source=source)
            )
    return added


def known(vault: Vault, sop_instance: str) -> Known | None:
    """What the ledger holds of an instance, by its staging SOP Instance UID; None when it was never heard of."""
    with vault.reading() as connection:
        rows = connection.execute(_KNOWN, {"sop_instance": sop_instance}).all()
    if not rows:
        return None
    first = rows[0]
    contents = {row.digest: row.path for row in rows if row.digest is not None}
    removed = frozenset(row.digest for row in rows if row.removed_at is not None)
    return Known(
        first.identifier_id, InstanceState(first.state), first.reason, contents, removed, bool(first.looked_at)
    )


def described(vault: Vault, sop_instance: str) -> Announced | None:
    """What the ledger holds of an instance, as it was announced; None when it was never heard of."""
    with vault.session(read_only=True) as session:
        row = session.scalar(select(Instance).where(Instance.sop_instance == sop_instance))
        if row is None:
            return None
        return Announced(
            identifier_id=row.identifier_id,
            study=row.study,
            series=row.series,
            sop_instance=row.sop_instance,
            sop_class=row.sop_class,
            modality=row.modality,
            study_date=row.study_date,
        )


def record_staged(vault: Vault, arrival: Arrival, content: Content, *, renamed: bool = False) -> Recorded:
    """Record a file that is durable under its final name.

    The first content of an instance becomes its current version and the instance staged. A later one is another
    version beside it; an instance that waits in quarantine or was rejected stays so. A content that was cleaned up
    and comes again is there again.

    Args:
        vault: the vault.
        arrival: what came.
        content: where it lies.
        renamed: it differs from one that is here in the patient's code only, as after two patient IDs of one person
            were merged; nobody has to decide which is used.

    Raises:
        TransientError: the vault cannot be written; nothing is recorded.
    """
    with vault.session() as session:
        return enter_staged(session, arrival, content, renamed=renamed)


def enter_staged(
    session: Session, arrival: Arrival, content: Content, *, renamed: bool = False, released: str = ""
) -> Recorded:
    """:func:`record_staged` inside a transaction of the caller.

    ``released`` is the token under which the same object waits in quarantine, or would: it is let in, and counted once.
    """
    instance = record_arrival(session, arrival, InstanceState.STAGED, "", released=bool(released))
    counted = bool(released) and _release(session, released)
    of_instance = select(StagedVersion.digest, StagedVersion.current).where(StagedVersion.instance_id == instance.id)
    versions = dict(session.execute(of_instance).all())
    new = content.digest not in versions
    if new:
        is_first = instance.state == InstanceState.STAGED and not any(versions.values())
        facts = None if is_first else arrival.facts_sealed
        instance.contents += not (renamed or counted)
        session.add(StagedVersion(instance_id=instance.id, current=is_first, facts_sealed=facts, **asdict(content)))
    else:
        session.execute(
            update(StagedVersion)
            .where(StagedVersion.instance_id == instance.id, StagedVersion.digest == content.digest)
            .values(
                removed_at=None,
                pixels=content.pixels,
                current=versions[content.digest] or (bool(released) and not any(versions.values())),
            )
        )
    return Recorded(InstanceState(instance.state), instance.reason, new)


def enter_first(connection: Connection, staged: Sequence[tuple[Arrival, Content]]) -> set[str]:
    """Enter instances of which the ledger is thought to know nothing, inside a transaction of the caller.

    Returns:
        The SOP Instance UIDs of those that it did not know; of the others nothing is entered.
    """
    moment = now()
    rows = [
        _values(arrival.instance, InstanceState.STAGED, _unannounced(arrival.source))
        | {"facts_sealed": arrival.facts_sealed, "contents": 1, "settled_at": moment, "arrived_at": moment}
        for arrival, _ in staged
    ]
    ids = dict(inserted(connection, Instance, rows, "sop_instance", "id"))
    versions = [
        {"instance_id": ids[arrival.instance.sop_instance], "current": True, **vars(content)}
        for arrival, content in staged
        if arrival.instance.sop_instance in ids
    ]
    if versions:
        insert_new(connection, StagedVersion, versions)
    return set(ids)


def _release(session: Session, token: str) -> bool:
    """Mark a quarantined item as released; whether there is one."""
    session.execute(
        update(QuarantineItem)
        .where(QuarantineItem.token == token, QuarantineItem.state == "waiting")
        .values(state="released", decided_at=now())
    )
    return session.scalar(select(QuarantineItem.id).where(QuarantineItem.token == token)) is not None


def record_arrival(
    session: Session, arrival: Arrival, state: InstanceState, reason: str, *, released: bool = False
) -> Instance:
    """The row of an instance that arrived, in ``state`` unless it was settled before.

    ``released``: it was decided to let it in, so that it leaves quarantine.

    What the object itself says of study, series, class, modality and date replaces what a PACS had announced.
    So is its patient ID by another one of the same person; an object that names another person is the caller's to
    refuse.
    """
    one, moment = arrival.instance, now()
    values = _values(one, state, _unannounced(arrival.source), reason) | {
        "facts_sealed": arrival.facts_sealed,
        "contents": 0,
        "settled_at": moment,
        "arrived_at": moment,
    }
    insert_new(session, Instance, [values])
    row = session.scalars(
        select(Instance).where(Instance.sop_instance == one.sop_instance).with_for_update(of=Instance)
    ).one()
    row.late = row.late or (row.state in _GIVEN_UP and is_sent(arrival.source))
    if row.state in _OPEN or (released and row.state == InstanceState.QUARANTINED):
        row.state, row.reason, row.settled_at = state, reason[:_REASON_LENGTH], moment
        row.identifier_id, row.study = one.identifier_id, one.study
        row.series, row.sop_class = one.series, one.sop_class
        row.modality, row.study_date, row.facts_sealed = one.modality, one.study_date, arrival.facts_sealed
        session.flush()
    row.arrived_at = moment
    return row


def record_missing(vault: Vault, sop_instances: Sequence[str], reason: str) -> int:
    """Mark those of ``sop_instances`` that are still expected as missing; returns how many were."""
    return _give_up(vault, sop_instances, InstanceState.MISSING, (InstanceState.EXPECTED,), reason)


def record_failed(vault: Vault, sop_instances: Sequence[str], reason: str) -> int:
    """Mark those of ``sop_instances`` that did not arrive as failed; returns how many were."""
    expected_or_missing = (InstanceState.EXPECTED, InstanceState.MISSING)
    return _give_up(vault, sop_instances, InstanceState.FAILED, expected_or_missing, reason)


def _give_up(
    vault: Vault, sop_instances: Sequence[str], state: InstanceState, unless: Sequence[InstanceState], reason: str
) -> int:
    changed = 0
    with vault.session() as session:
        for batch in batches(sop_instances):
            done = session.execute(
                update(Instance)
                .where(Instance.sop_instance.in_(batch), Instance.state.in_(unless))
                .values(state=state, reason=reason[:_REASON_LENGTH], settled_at=now())
            )
            assert isinstance(done, CursorResult)
            changed += done.rowcount
    return changed


def is_sent(source: str) -> bool:
    """Whether an object came from a sender of its own accord, and not because a retrieval asked for it."""
    return not source.startswith((ANNOUNCED, PULLED))


def _unannounced(source: str) -> str:
    """The source of an instance that nobody announced; one that came along with a retrieval is no exception."""
    return source.replace(ANNOUNCED, PULLED, 1) if source.startswith(ANNOUNCED) else source


def _values(one: Announced, state: InstanceState, source: str, reason: str = "") -> dict[str, object]:
    return vars(one) | {"state": state, "source": source[:_SOURCE_LENGTH], "reason": reason[:_REASON_LENGTH]}
