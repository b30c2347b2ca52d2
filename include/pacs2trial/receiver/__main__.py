"""``python -m pacs2trial.receiver``: the same as ``pacs2trial receive``."""

from __future__ import annotations

import logging
import sys

from pacs2trial import settings
from pacs2trial.errors import InputError, Pacs2TrialError, SetupError
from pacs2trial.receiver.service import serve


def main() -> int:
    """Exit status 0 when told to end, 2 when the installation is not right, 1 for any other fault."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        serve(settings.load())
    except (SetupError, InputError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except Pacs2TrialError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
