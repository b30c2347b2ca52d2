"""What a package was made from, pinned in the vault so that it can be restored (promise 7)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from pacs2trial import __version__
from pacs2trial.collect.squeezing import compressor
from pacs2trial.collect.stage2 import Addressed, Recipe
from pacs2trial.keytable import current_version
from pacs2trial.lookups.answers import Pin
from pacs2trial.profile.statement import statement
from pacs2trial.trials.load import canonical
from pacs2trial.vault import Vault


@dataclass(frozen=True)
class Inputs:
    """``decides`` is everything that the bytes of the package depend on; ``origin`` says where it came from.

    A release that makes the same from the same stands in ``origin``: a new one alone re-makes nothing.
    """

    decides: dict[str, Any]
    origin: dict[str, Any]

    def pinned_in(self, vault: Vault) -> str:
        """Digest of the pinned text."""
        return vault.pin("package", _json({"decides": self.decides, "origin": self.origin}))

    def saying(self, vault: Vault, said: str) -> Inputs:
        """These inputs with the conformance statement that goes with the package."""
        return Inputs(self.decides, self.origin | {"statement": vault.pin("statement", said.encode())})

    def same_bytes_as(self, pinned: bytes) -> bool:
        """Whether a package that was made from ``pinned`` holds what these inputs would give."""
        return not self.differences(pinned)

    def differences(self, pinned: bytes) -> list[str]:
        """What decides bytes and is not as it was when ``pinned`` was written, by name, sorted."""
        earlier: dict[str, Any] = json.loads(pinned)["decides"]
        now: dict[str, Any] = json.loads(_json(self.decides))
        return sorted(name for name in earlier.keys() | now.keys() if earlier.get(name) != now.get(name))


def inputs_of(vault: Vault, recipe: Recipe, study: str, members: Sequence[Addressed], run_key: str | None) -> Inputs:
    """The inputs of one package: plan, subject, look-ups, staged contents and masks; key-table version, definition,
    release, run.

    The key row goes in as its keyed look-up value, because its columns may name a person.
    """
    definition, values = recipe.definition, recipe.values
    version = current_version(vault, definition.trial)
    blanked = sorted([each.source.sop_instance, each.source.mask] for each in members if each.source.mask)
    row = _json({"columns": dict(values.columns), "date_shift": values.date_shift})
    return Inputs(
        decides={
            "trial": definition.trial,
            "sponsor": definition.sponsor,
            "protocol": definition.protocol,
            "site": definition.site.model_dump(),
            "compression": definition.package.compression,
            "dicomdir": definition.package.dicomdir,
            "subject": values.subject_key,
            "study": study,
            "key_row": vault.fingerprint(row),
            "rules": vault.pin("trial-plan", recipe.plan.canonical),
            "visits": _visits(vault, recipe, members),
            "lookups": sorted({pin for each in members for pin in _pins(recipe, each)}),
            "staged": sorted([each.source.sop_instance, each.source.digest] for each in members),
            **({"blanked": blanked} if blanked else {}),
        },
        origin={
            "definition": vault.pin("definition", canonical(definition)),
            "staging_plans": sorted({each.source.plan for each in members}),
            "key_version": {"number": version.number, "digest": version.digest},
            "compressor": compressor(definition.package.compression),
            "inventory": f"pyarrow {metadata.version('pyarrow')}",
            "release": __version__,
            "run": run_key or "",
        },
    )


def said_of(vault: Vault, recipe: Recipe, inputs: Inputs, earlier: bytes | None) -> str:
    """The conformance statement of a package. Its words are a release's: what is made again keeps those that it had."""
    if earlier is not None and inputs.same_bytes_as(earlier):
        return vault.pinned(json.loads(earlier)["origin"]["statement"]).decode()
    return statement(recipe.plan)


def _visits(vault: Vault, recipe: Recipe, members: Sequence[Addressed]) -> list[list[str]]:
    """Staged study and keyed digest of its columns, where a visit has columns of its own."""
    columns = {each.source.study: recipe.values_of(each.source.instance_id).columns for each in members}
    return sorted(
        [study, vault.fingerprint(_json(dict(own)))] for study, own in columns.items() if own != recipe.values.columns
    )


def _pins(recipe: Recipe, member: Addressed) -> Sequence[Pin]:
    found = recipe.objects.get(member.source.instance_id)
    return found.pins if found else ()


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
