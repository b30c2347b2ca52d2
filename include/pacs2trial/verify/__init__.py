"""Independent proofs of a package; nothing here shares code with what made it (promise 9)."""

from pacs2trial.verify.offline import verify_file
from pacs2trial.verify.package import verify_package
from pacs2trial.verify.proof import Proof

__all__ = ["Proof", "verify_file", "verify_package"]
