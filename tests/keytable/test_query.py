from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from pacs2trial.connections import Connection, from_uri
from pacs2trial.errors import InputError, SetupError, TransientError
from pacs2trial.keytable import KeyTableRow, check_key_table, read_keys
from pacs2trial.keytable.query import database_url
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import Keys, TrialDefinition
from support.programs import free_port
from support.vaults import PostgresServer

MARKER = "PLANTED4711"
TABLE = f"""
CREATE TABLE enrolled (mrn VARCHAR(20), subject VARCHAR(20), site VARCHAR(20), seen DATE, arm VARCHAR(20), n INTEGER);
INSERT INTO enrolled VALUES ('0012', 'LA-001', '', '2024-01-31', '50%:a', 1);
INSERT INTO enrolled VALUES ('{MARKER}', 'LA-002', 'HOSP', NULL, NULL, 2);
"""
QUERY = "SELECT mrn AS patient_id, subject AS subject_key, site AS issuer, seen AS study_date_from, arm FROM enrolled"


class OneConnection:
    """A provider of one connection, by Airflow's URI."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    def get(self, name: str) -> Connection:
        return from_uri(name, self._uri)


@pytest.fixture(params=["sqlite", "postgresql"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Airflow's URI of a database with a table of enrolled patients."""
    if request.param == "sqlite":
        path = tmp_path / "ctms.db"
        with sqlite3.connect(path) as connection:
            connection.executescript(TABLE)
        return f"sqlite:///{path}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = server.new_database()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        for statement in TABLE.split(";\n"):
            if statement.strip():
                connection.execute(text(statement.replace(":", r"\:")))
    engine.dispose()
    return url.replace("postgresql:", "postgres:")


def rows(trial: TrialDefinition, settings: Settings, uri: str, query: str = QUERY) -> list[KeyTableRow]:
    queried = trial.model_copy(update={"keys": Keys(connection="ctms", query=query)})
    return read_keys(queried, settings, OneConnection(uri))


def test_a_query_gives_the_rows_of_a_key_table(trial: TrialDefinition, settings: Settings, uri: str) -> None:
    first, second = rows(trial, settings, uri, f"{QUERY} ORDER BY subject")
    assert (first.number, first.patient_id, first.subject_key, first.patient[0]) == (1, "0012", "LA-001", "")
    assert (first.study_date_from, first.columns) == (date(2024, 1, 31), {"arm": "50%:a"})
    assert (second.patient, second.study_date_from, second.columns) == (("HOSP", MARKER), None, {"arm": ""})


def test_signs_that_sqlalchemy_reads_as_its_own_are_the_query_s(
    trial: TrialDefinition, settings: Settings, uri: str
) -> None:
    query = f"{QUERY} WHERE arm LIKE '50%:a' AND '12:30' <> ':arm' AND CAST('7' AS INTEGER) % 2 = 1"
    assert [row.subject_key for row in rows(trial, settings, uri, query)] == ["LA-001"]


def test_numbers_of_a_database_are_what_they_are(trial: TrialDefinition, settings: Settings, uri: str) -> None:
    found = rows(trial, settings, uri, "SELECT n AS patient_id, subject AS subject_key, 1.50 AS dose FROM enrolled")
    assert sorted(row.patient_id for row in found) == ["1", "2"]
    assert check_key_table(found, trial) == []


def test_faults_are_told_by_row_without_identities(trial: TrialDefinition, settings: Settings, uri: str) -> None:
    found = rows(trial, settings, uri, "SELECT mrn AS patient_id, mrn AS subject_key FROM enrolled ORDER BY subject")
    problems = check_key_table(found, trial)
    assert len(problems) >= 2
    assert all(problem.startswith("query over ctms: row") for problem in problems)
    assert MARKER not in str(problems)


def test_a_date_that_became_an_id_is_a_fault(trial: TrialDefinition, settings: Settings, uri: str) -> None:
    found = rows(trial, settings, uri, "SELECT seen AS patient_id, subject AS subject_key FROM enrolled ORDER BY mrn")
    assert any("row 1, column patient_id" in problem for problem in check_key_table(found, trial))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("DELETE FROM enrolled", "must begin with SELECT or WITH"),
        ("SELECT nothing FROM nowhere", "refused the query|did not answer"),
        (f"SELECT mrn AS '{MARKER}' FROM enrolled WHERE mrn = '{MARKER}' (", "refused the query|did not answer"),
        ("SELECT mrn FROM enrolled", "column patient_id is missing"),
        ("SELECT mrn AS patient_id, mrn AS patient_id, subject AS subject_key FROM enrolled", "the same name"),
    ],
)
def test_a_query_that_cannot_be_is_refused_without_what_it_says(
    trial: TrialDefinition, settings: Settings, uri: str, query: str, said: str
) -> None:
    with pytest.raises((InputError, TransientError), match=said) as raised:
        rows(trial, settings, uri, query)
    assert MARKER not in str(raised.value)
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_nothing_is_written(trial: TrialDefinition, settings: Settings, uri: str) -> None:
    if uri.startswith("sqlite"):
        with pytest.raises((InputError, TransientError)):
            rows(trial, settings, uri, "WITH a AS (SELECT 1) INSERT INTO enrolled (mrn) SELECT * FROM a")
    else:
        query = "WITH a AS (INSERT INTO enrolled VALUES ('9', 'LA-009') RETURNING *) SELECT mrn, subject FROM a"
        with pytest.raises(InputError):
            rows(trial, settings, uri, query)
    assert len(rows(trial, settings, uri)) == 2


def test_a_database_that_does_not_answer_is_told(trial: TrialDefinition, settings: Settings) -> None:
    uri = f"postgres://somebody:SECRETWORD@127.0.0.1:{free_port()}/ctms"
    with pytest.raises(TransientError, match="did not answer") as raised:
        rows(trial, settings, uri)
    assert "SECRETWORD" not in str(raised.value)


def test_a_missing_driver_is_named_by_its_package(trial: TrialDefinition, settings: Settings) -> None:
    with pytest.raises(SetupError, match="pip install pymssql"):
        rows(trial, settings, "mssql://u:p@127.0.0.1/ctms")


def test_a_connection_that_is_no_database_is_refused(trial: TrialDefinition, settings: Settings) -> None:
    with pytest.raises(InputError, match="is of type 'dicom'"):
        rows(trial, settings, "dicom://127.0.0.1:104")


def test_a_sqlite_file_that_is_absent_is_not_made(trial: TrialDefinition, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no SQLite file"):
        rows(trial, settings, f"sqlite:///{tmp_path}/absent.db")
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.parametrize(
    ("uri", "driver"),
    [
        ("postgres://u:p%40ss@h:5433/db?sslmode=require", "postgresql+psycopg"),
        ("mysql://u:p%40ss@h:5433/db?sslmode=require", "mysql+pymysql"),
        ("mssql://u:p%40ss@h:5433/db?sslmode=require", "mssql+pymssql"),
        ("mssql://u:p%40ss@h:5433/db?sslmode=require&sqlalchemy_scheme=mssql%2Bpyodbc", "mssql+pyodbc"),
    ],
)
def test_airflow_s_uri_becomes_sqlalchemy_s(uri: str, driver: str) -> None:
    url = database_url(from_uri("ctms", uri))
    assert (url.drivername, url.username, url.password, url.host) == (driver, "u", "p@ss", "h")
    assert (url.port, url.database, dict(url.query)) == (5433, "db", {"sslmode": "require"})
