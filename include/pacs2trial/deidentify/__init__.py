"""Plan + pseudonyms + data set → data set. No file, no socket, no session."""

from pacs2trial.deidentify.engine import Deidentified, Resolver, deidentify

__all__ = ["Deidentified", "Resolver", "deidentify"]
