"""What a package holds otherwise than the version that a trial centre got before; what it has to give back."""

from pacs2trial.changes.compare import Change, Changes, What, changes_of
from pacs2trial.changes.files import changes_csv, changes_file, write_changes

__all__ = ["Change", "Changes", "What", "changes_csv", "changes_file", "changes_of", "write_changes"]
