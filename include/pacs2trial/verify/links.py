"""Proof "links": the graph of references between the objects is the one that came in (promise 3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set

from pacs2trial.trials.definition import Option
from pacs2trial.trials.rules import AttributeRule
from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.left_out import is_left_out, place
from pacs2trial.verify.own_rules import RulesOfTrial


class Links:
    """Compares the UIDs of staged objects, taken through the trial's pseudonyms, with those of the package.

    An edge is (object, path of the attribute, UID that stands there), whether the UID is that of an instance, series,
    study, frame of reference or anything else that is mapped, and whether what it names is in the package or not.

    Args:
        pseudonyms: of the trial, by staging pseudonym.
        staged: every staging pseudonym; other UIDs (of a coding scheme, say) stay as they are.
        options: of the trial; what they leave out may be gone, with the links in it.
        rules: of the trial's own; so may what they take away.
    """

    def __init__(
        self,
        pseudonyms: Mapping[str, str],
        staged: Set[str],
        options: Set[Option] = frozenset(),
        rules: Sequence[AttributeRule] = (),
    ) -> None:
        self._options = options
        self._rules = RulesOfTrial(rules)
        self._taken_away: Counter[int] = Counter()
        self._pseudonyms = pseudonyms
        self._staged = staged
        self._of_trial = frozenset(pseudonyms.values())

    def differences(self, name: str, staged: DicomObject, packed: DicomObject) -> Iterator[str]:
        """Findings in one member: links that are gone, new, or point elsewhere, by the attribute's path."""
        sop_class, modality = staged.first("SOPClassUID"), staged.first("Modality")
        before: set[tuple[str, str]] = set()
        unchanged: set[tuple[str, str]] = set()
        may_go: set[str] = set()
        for path, uid in staged.uids():
            here = place(path)
            if uid in self._staged:
                before.add((here, self._pseudonyms.get(uid, "")))
            else:
                unchanged.add((here, uid))
            ruled = self._rules.of(path, sop_class, modality)
            if ruled.taken_away_by is not None or is_left_out(path, sop_class, self._options, ruled.kept):
                may_go.add(here)
            if ruled.taken_away_by is not None:
                self._taken_away[ruled.taken_away_by] += 1
        after = {(place(path), uid) for path, uid in packed.uids()} - unchanged
        for path in sorted({path for path, _uid in before - after} - may_go):
            yield f"{name}: {path} no longer links as in staging"
        for path, uid in sorted(after - before):
            what = "links as nothing in staging does" if uid in self._of_trial else "holds no pseudonym of the trial"
            yield f"{name}: {path} {what}"

    def remarks(self) -> list[str]:
        """How many links the trial's own rules took away, so that nobody takes them for kept."""
        return [
            f"profile.rules[{number}] takes away {count} UID{'' if count == 1 else 's'}"
            for number, count in sorted(self._taken_away.items())
        ]
