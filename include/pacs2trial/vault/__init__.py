"""The vault: persons, pseudonyms, key tables, ledger, audit; the only place where originals are kept."""

from pacs2trial.vault.pseudonyms import Original, Pseudonyms
from pacs2trial.vault.vault import Vault

__all__ = ["Original", "Pseudonyms", "Vault"]
