"""Key tables: which hospital patient is which subject of a trial; read, checked, compared, kept in versions."""

from pacs2trial.keytable.check import check_key_table
from pacs2trial.keytable.enrolled import (
    EnrolledSubject,
    Visit,
    accession_lookup,
    enrolled,
    enrolled_keys,
    require_current,
)
from pacs2trial.keytable.importing import import_key_table, keys_of_known_patients
from pacs2trial.keytable.read import key_file, read_key_table, read_keys
from pacs2trial.keytable.row import KeyTableRow
from pacs2trial.keytable.version import KeyTableChange, compare_key_table, current_version

__all__ = [
    "EnrolledSubject",
    "KeyTableChange",
    "KeyTableRow",
    "Visit",
    "accession_lookup",
    "check_key_table",
    "compare_key_table",
    "current_version",
    "enrolled",
    "enrolled_keys",
    "import_key_table",
    "key_file",
    "keys_of_known_patients",
    "read_key_table",
    "read_keys",
    "require_current",
]
