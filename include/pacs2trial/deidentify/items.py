"""Choosing the rules of an item by what it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from pacs2trial.deidentify.compiled import Chooser, Operations

CHOOSERS: Final[Mapping[str, Callable[[Mapping[str, Operations]], Chooser]]] = {}
"""Chooser of :class:`pacs2trial.profile.ItemRules`, by name: from the compiled sets it makes the function that looks at
an item."""
