"""Make ``docs/conformance.md`` again: ``python tools/conformance.py > docs/conformance.md``."""

from __future__ import annotations

import sys

from pacs2trial.profile.conformance import conformance

if __name__ == "__main__":
    sys.stdout.write(conformance())
