"""The balance: for each subject of a trial, what was expected against what became of it (promise 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from pacs2trial.errors import InputError
from pacs2trial.staging.versions import is_unweighed
from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Identifier, Instance, InstanceState, Judgement, Subject, TrialInstance

ANNOUNCED = "pacs:"
"""How the source of an instance begins once a C-FIND has named it."""

_UNKNOWN = ""
"""Modality of an instance of which the PACS did not say it; such a gap counts for every trial."""

_ARRIVED = {InstanceState.STAGED, InstanceState.QUARANTINED, InstanceState.REJECTED}


_Column = ColumnElement[Any] | InstrumentedAttribute[Any]


@dataclass(frozen=True)
class Balance:
    """How many instances of one subject (or of one of its studies) are in which state; counts of disjoint sets.

    The instances of a subject are those filed under any hospital ID of the subject's person, whatever run, trial or
    push brought them, less those that never arrived and that this trial does not want: another trial's gaps are no
    gap here. Two sums hold:

    * ``expected + unexpected = staged + rejected + quarantined + failed + missing + waiting``: what a PACS announced
      and what came unasked, each in exactly one state after stage 1;
    * ``staged + quarantined + rejected = accepted + collected + held + refused + not_wanted + undecided``: what
      arrived, each in exactly one judgement of this trial. ``undecided`` is what the filter has not judged yet.

    An instance that was let through and of which another content has come since is undecided until it is judged again.
    A quarantined instance that the trial wants is judged held, one that it does not want (by modality, say) not
    wanted. What stage 1 or a person rejected needs no judgement: it counts as ``refused``, unless the trial does
    not want it anyway.
    """

    subject_key: str
    expected: int = 0
    staged: int = 0
    rejected: int = 0
    quarantined: int = 0
    failed: int = 0
    missing: int = 0
    waiting: int = 0
    collected: int = 0
    held: int = 0
    not_wanted: int = 0
    undecided: int = 0
    accepted: int = 0
    refused: int = 0
    unexpected: int = 0
    study: str = ""

    def settled(self) -> bool:
        """Whether everything that was announced has arrived or was given up."""
        return self.waiting == 0

    def deliverable(self) -> bool:
        """Whether a package may be made: nothing is open, in doubt or lost, and something is let through.

        Waiting, failed or missing instances, and held or undecided ones, each forbid it (promise 4).
        """
        open_ends = self.waiting + self.failed + self.missing + self.held + self.undecided
        return open_ends == 0 and self.accepted + self.collected > 0


def balance(
    vault: Vault,
    trial: str,
    subject_keys: Collection[str] | None = None,
    *,
    modalities: Collection[str] | None = None,
) -> list[Balance]:
    """The balance of each subject, sorted by subject key; a subject of whom nothing is known has all counts zero.

    Args:
        vault: the vault.
        trial: the trial whose judgements count.
        subject_keys: only these subjects; all that are not withdrawn when absent.
        modalities: those that the trial wants. Before the filter has judged, an instance of another modality is left
            out by this alone if it has not arrived (another trial expects it), else not wanted (another trial may
            fetch it at any moment, also between this one's filter and its delivery).

    Raises:
        InputError: the trial has no such subject.
    """
    counts = _count(vault, trial, subject_keys, modalities)
    per_subject: dict[str, Counter[str]] = {}
    for (key, _study), counter in counts.items():
        per_subject.setdefault(key, Counter()).update(counter)
    return [_balance(key, "", counter) for key, counter in sorted(per_subject.items())]


def balance_by_study(
    vault: Vault,
    trial: str,
    subject_keys: Collection[str] | None = None,
    *,
    modalities: Collection[str] | None = None,
) -> list[Balance]:
    """As :func:`balance`, one line for each study of a subject, named by its staging Study Instance UID."""
    counts = _count(vault, trial, subject_keys, modalities)
    return [_balance(key, study, counter) for (key, study), counter in sorted(counts.items()) if study]


def balance_of_trial(vault: Vault, trial: str, *, modalities: Collection[str] | None = None) -> Balance:
    """The sum of :func:`balance` over all subjects, without a subject key; the database adds up, not this process."""
    counter: Counter[str] = Counter()
    with vault.session(read_only=True) as session:
        for row in session.execute(_statement(trial, None, ())):
            counter.update(_counted(row, modalities))
    return _balance("", "", counter)


def _balance(key: str, study: str, counter: Counter[str]) -> Balance:
    return Balance(
        subject_key=key,
        study=study,
        expected=counter["expected"],
        unexpected=counter["unexpected"],
        staged=counter["staged"],
        rejected=counter["rejected"],
        quarantined=counter["quarantined"],
        failed=counter["failed"],
        missing=counter["missing"],
        waiting=counter["waiting"],
        accepted=counter["accepted"],
        collected=counter["collected"],
        held=counter["held"],
        refused=counter["refused"],
        not_wanted=counter["not_wanted"],
        undecided=counter["undecided"],
    )


def _count(
    vault: Vault, trial: str, subject_keys: Collection[str] | None, modalities: Collection[str] | None
) -> dict[tuple[str, str], Counter[str]]:
    with vault.session(read_only=True) as session:
        keys = _subjects(session, trial, subject_keys)
        counts: dict[tuple[str, str], Counter[str]] = {(key, ""): Counter() for key in keys}
        for row in session.execute(_statement(trial, subject_keys, (Subject.key, Instance.study))):
            counts.setdefault((row.key, row.study), Counter()).update(_counted(row, modalities))
    return counts


def _counted(row: Any, modalities: Collection[str] | None) -> dict[str, int]:
    """The counts to which the instances of one row belong."""
    state = InstanceState(row.state)
    judged = Judgement(row.judgement) if row.judgement and not row.unweighed else None
    unwanted = judged is Judgement.NOT_WANTED or (
        judged is None and modalities is not None and row.modality not in {*modalities, _UNKNOWN}
    )
    if unwanted and state not in _ARRIVED:
        return {}
    judged = Judgement.NOT_WANTED if unwanted else judged
    counts = ["expected" if row.source.startswith(ANNOUNCED) else "unexpected", _after_stage_1(state)]
    if state in _ARRIVED:
        counts.append(_after_filter(state, judged))
    return dict.fromkeys(counts, row.number)


def _after_stage_1(state: InstanceState) -> str:
    return "waiting" if state is InstanceState.EXPECTED else state.value


def _after_filter(state: InstanceState, judged: Judgement | None) -> str:
    if state is InstanceState.REJECTED:
        return "not_wanted" if judged is Judgement.NOT_WANTED else "refused"
    if judged is None:
        return "undecided"
    if state is InstanceState.QUARANTINED and judged is not Judgement.NOT_WANTED:
        return "held"
    return {Judgement.REJECTED: "refused", Judgement.NOT_WANTED: "not_wanted"}.get(judged, judged.value)


def _statement(
    trial: str, subject_keys: Collection[str] | None, each: tuple[InstrumentedAttribute[str], ...]
) -> Select[Any]:
    judgement, unweighed = TrialInstance.state.label("judgement"), is_unweighed().label("unweighed")
    by: list[_Column] = [*each, Instance.state, Instance.modality, Instance.source, judgement, unweighed]
    statement = (
        select(*by, func.count().label("number"))
        .select_from(Subject)
        .join(Identifier, Identifier.person_id == Subject.person_id)
        .join(Instance, Instance.identifier_id == Identifier.id)
        .outerjoin(
            TrialInstance,
            and_(
                TrialInstance.trial == trial,
                TrialInstance.instance_id == Instance.id,
                TrialInstance.subject_id == Subject.id,  # a judgement made for the key's former owner does not count
            ),
        )
        .where(Subject.trial == trial, Subject.withdrawn_at.is_(None))
        .group_by(*by)
    )
    return statement if subject_keys is None else statement.where(Subject.key.in_(list(subject_keys)))


def _subjects(session: Session, trial: str, subject_keys: Collection[str] | None) -> Iterable[str]:
    """The subjects asked for; named ones are looked up by name, for a trial may have thousands of others."""
    enrolled = select(Subject.key).where(Subject.trial == trial, Subject.withdrawn_at.is_(None))
    if subject_keys is None:
        return session.scalars(enrolled).all()
    known: set[str] = set()
    for keys in batches(subject_keys):
        known.update(session.scalars(enrolled.where(Subject.key.in_(keys))))
    unknown = sorted(set(subject_keys) - known)
    if unknown:
        raise InputError(*(f"trial {trial} has no subject {key!r}; pacs2trial keys show {trial}" for key in unknown))
    return known
