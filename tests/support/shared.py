"""Real data beside the checkout. Where that folder is absent its tests are skipped, in CI as well."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).parents[3] / "shared" / "data"
ABSENT = "the folder of real data is not here"
needs_shared_data = pytest.mark.skipif(not SHARED.is_dir(), reason=ABSENT)
