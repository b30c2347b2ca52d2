"""From the staging store to the sponsor, one subject at a time: filter, collect, verify, deliver."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from pacs2trial.errors import HeldError
from pacs2trial_airflow.operators.base import TrialOperator, started_by
from pacs2trial_airflow.withdrawn import still_enrolled

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pacs2trial.workspace import Workspace


class SubjectOperator(TrialOperator):
    """One step for one subject.

    The pass of the subject ends with the last step, or with one that is skipped because something waits for a person;
    :func:`pacs2trial.passes.end` writes that down, so that later runs leave the subject alone until something changes.

    :param trial: trial ID
    :param subject_key: the trial's name for the patient (templated); also the label of the mapped task
    :param run_key: the run that planned (templated)
    """

    template_fields: Sequence[str] = ("subject_key", "run_key")
    last: ClassVar[bool] = False
    """Whether the pass is complete with this step."""

    def __init__(self, *, subject_key: str, run_key: str, **kwargs: Any) -> None:
        kwargs.setdefault("map_index_template", "{{ task.subject_key }}")
        super().__init__(**kwargs)
        self.subject_key = subject_key
        self.run_key = run_key

    def _outcome(self, ws: Workspace, context: Context) -> Any:
        from pacs2trial.passes import end

        if not still_enrolled(ws, self.trial, [self.subject_key], self.log):
            raise AirflowSkipException(f"{self.subject_key} is enrolled no longer")
        try:
            result = super()._outcome(ws, context)
        except (HeldError, AirflowSkipException):
            end(ws, self.trial, self.subject_key, run_key=self.run_key)
            raise
        if self.last:
            end(ws, self.trial, self.subject_key, run_key=self.run_key)
        return result

    @abstractmethod
    def work(self, ws: Workspace, context: Context) -> Any: ...


class Filter(SubjectOperator):
    """Judge every staged instance of a subject by the trial's rules: let through, held, rejected, not wanted.

    Calls :func:`pacs2trial.clearance.filter_subject`. Images that a rule suspects are looked at for text, each once:
    a task that was stopped goes on with the next. Held instances do not fail the step; ``collect`` waits for them.
    """

    produces = "filtered"
    consumes = ("staged",)
    ui_color = "#cfdcb5"

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.clearance import filter_subject
        from pacs2trial.keytable import enrolled

        [subject] = enrolled(ws.vault, self.trial, [self.subject_key])
        result = filter_subject(ws, ws.definition(self.trial), subject)
        counts = {name: getattr(result, name) for name in ("accepted", "not_wanted", "held", "rejected")}
        self.log.info(
            "%s: %s", self.subject_key, ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in counts.items())
        )
        for reason, number in sorted(result.reasons.items()):
            self.log.info("%s: %d by rule: %s", self.subject_key, number, reason)
        for outcome, number in sorted(result.images.items()):
            self.log.info("%s: pixels of %d images: %s", self.subject_key, number, outcome)
        for gap, number in sorted(result.gaps.items()):
            self.log.warning("%s: %d lacking: %s", self.subject_key, number, gap)
        self.report(context, subject=self.subject_key, **counts, facts=[self.subject_key, counts, dict(result.reasons)])


class Collect(SubjectOperator):
    """Make the subject's packages: stage 2 of everything that was let through, in one zip per subject or study.

    Calls :func:`pacs2trial.collect.collect_subject`. Returns the ids of the packages. Skipped while something of
    the subject waits for a person; fails when something expected did not come.
    """

    produces = "packages"
    consumes = ("filtered",)
    ui_color = "#e6d5a8"

    def work(self, ws: Workspace, context: Context) -> list[int]:
        from pacs2trial.collect import collect_subject
        from pacs2trial.keytable import enrolled

        [subject] = enrolled(ws.vault, self.trial, [self.subject_key])
        packages = collect_subject(
            ws, ws.definition(self.trial), subject, run_key=self.run_key, requested_by=started_by(context)
        )
        if not packages:
            raise AirflowSkipException(f"{self.subject_key}: nothing to collect")
        for package in packages:
            self.log.info(
                "%s %s: %d instances, %d bytes, content digest %s, sha256 %s",
                package.path.name,
                "made" if package.changed else "unchanged",
                package.instances,
                package.size,
                package.content_digest,
                package.sha256,
            )
        self.report(
            context,
            subject=self.subject_key,
            packages=len(packages),
            changed=sum(package.changed for package in packages),
            instances=sum(package.instances for package in packages),
            size=sum(package.size for package in packages),
            content_digests=[package.content_digest for package in packages],
            facts=[package.content_digest for package in packages],
        )
        return [package.package_id for package in packages]


class Verify(SubjectOperator):
    """Check each package by code that had no part in making it.

    Calls :func:`pacs2trial.verify.verify_package`, which fails closed: a package that fails one proof is refused and
    never delivered.

    :param package_ids: what :class:`Collect` returned (templated)
    """

    produces = "verified"
    consumes = ("packages",)
    ui_color = "#d9c8e3"
    template_fields: Sequence[str] = ("subject_key", "run_key", "package_ids")

    def __init__(self, *, package_ids: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.package_ids = package_ids

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.verify import verify_package

        passed: Counter[str] = Counter()
        for package_id in self.package_ids:
            for proof in verify_package(ws, package_id):
                passed[proof.name] += proof.passed
                for finding in proof.findings:
                    self.log.info("package %d, %s: %s", package_id, proof.name, finding)
        self.report(
            context,
            subject=self.subject_key,
            packages=len(self.package_ids),
            proofs=dict(passed),
            facts=[list(self.package_ids), dict(passed)],
        )


class Deliver(SubjectOperator):
    """Send the subject's verified packages to every destination that has not had this content yet.

    Calls :func:`pacs2trial.delivery.deliver_subject`. Skipped, before anything is sent, while a person still has to
    approve the content.
    """

    produces = "deliveries"
    consumes = ("verified",)
    ui_color = "#e3b9a8"
    last = True

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.delivery import deliver_subject

        receipts = deliver_subject(ws, ws.definition(self.trial), self.subject_key)
        if not receipts:
            raise AirflowSkipException("the definition names no destination; the packages stay in the packages folder")
        for receipt in receipts:
            self.log.info(
                "%s: %s, %d bytes, sha256 %s",
                receipt.destination,
                "delivered" if receipt.new else "has this content already",
                receipt.size,
                receipt.sha256,
            )
        self.report(
            context,
            subject=self.subject_key,
            delivered=sum(receipt.new for receipt in receipts),
            had_already=sum(not receipt.new for receipt in receipts),
            sha256=[receipt.sha256 for receipt in receipts],
            facts=[[receipt.destination, receipt.sha256] for receipt in receipts],
        )
