"""Proof "links": the graph of references between the objects is the one that came in (promise 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from pacs2trial.trials.definition import Option
from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.left_out import is_left_out, place


class Links:
    """Compares the UIDs of staged objects, taken through the trial's pseudonyms, with those of the package.

    An edge is (object, path of the attribute, UID that stands there), whether the UID is that of an instance, series,
    study, frame of reference or anything else that is mapped, and whether what it names is in the package or not.

    Args:
        pseudonyms: of the trial, by staging pseudonym.
        staged: every staging pseudonym; other UIDs (of a coding scheme, say) stay as they are.
        options: of the trial; what they leave out may be gone, with the links in it.
    """

    def __init__(self, pseudonyms: Mapping[str, str], staged: Set[str], options: Set[Option] = frozenset()) -> None:
        self._options = options
        self._pseudonyms = pseudonyms
        self._staged = staged
        self._of_trial = frozenset(pseudonyms.values())

    def differences(self, name: str, staged: DicomObject, packed: DicomObject) -> Iterator[str]:
        """Findings in one member: links that are gone, new, or point elsewhere, by the attribute's path."""
        sop_class = staged.first("SOPClassUID")
        before: set[tuple[str, str]] = set()
        unchanged: set[tuple[str, str]] = set()
        may_go: set[str] = set()
        for path, uid in staged.uids():
            here = place(path)
            if uid in self._staged:
                before.add((here, self._pseudonyms.get(uid, "")))
            else:
                unchanged.add((here, uid))
            if is_left_out(path, sop_class, self._options):
                may_go.add(here)
        after = {(place(path), uid) for path, uid in packed.uids()} - unchanged
        for path in sorted({path for path, _uid in before - after} - may_go):
            yield f"{name}: {path} no longer links as in staging"
        for path, uid in sorted(after - before):
            what = "links as nothing in staging does" if uid in self._of_trial else "holds no pseudonym of the trial"
            yield f"{name}: {path} {what}"
