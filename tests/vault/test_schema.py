from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from pacs2trial.errors import SetupError
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault, schema
from pacs2trial.vault.database import vault_url
from pacs2trial.vault.tables import Base


def test_the_migrated_tables_are_those_of_the_code(vault: Vault) -> None:
    with vault.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": schema.VERSION_TABLE, "compare_server_default": True}
        )
        assert compare_metadata(context, Base.metadata) == []


def test_constraints_have_the_names_of_the_code(vault: Vault) -> None:
    with vault.engine.connect() as connection:
        found = connection.dialect.get_unique_constraints(connection, "pseudonym")
    assert {constraint["name"] for constraint in found} == {
        "uq_pseudonym_scope_id_kind_lookup",
        "uq_pseudonym_scope_id_kind_pseudo",
    }


def test_the_head_that_the_code_needs_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "pacs2trial:vault/migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_init_can_be_repeated(vault: Vault, vault_settings: Settings) -> None:
    patient = vault.identities.patient("", "1")
    Vault.create(vault_settings)
    assert Vault.open(vault_settings).identities.patient("", "1") == patient


def test_a_vault_that_was_never_made_is_refused_with_the_remedy(vault_settings: Settings, settings: Settings) -> None:
    elsewhere = Settings(**{**settings.model_dump(), "database_url": f"sqlite:///{settings.home}/other.db"})
    with pytest.raises(SetupError, match="run `pacs2trial init`"):
        Vault.open(elsewhere)
    assert not (settings.home / "other.db").exists()


@pytest.mark.parametrize(
    ("revision", "remedy"), [("0000", "run `pacs2trial init`"), ("9999", "install the newer release")]
)
def test_another_revision_is_refused_with_the_remedy(
    vault: Vault, vault_settings: Settings, revision: str, remedy: str
) -> None:
    with vault.session() as session:
        session.execute(text(f"UPDATE {schema.VERSION_TABLE} SET version_num = '{revision}'"))
    with pytest.raises(SetupError, match=remedy):
        Vault.open(vault_settings)


def test_an_empty_database_is_refused_with_the_remedy(vault: Vault, vault_settings: Settings) -> None:
    with vault.session() as session:
        session.execute(text(f"DROP TABLE {schema.VERSION_TABLE}"))
    with pytest.raises(SetupError, match="run `pacs2trial init`"):
        Vault.open(vault_settings)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/vault", "no url"])
def test_an_unfit_address_is_refused(url: str) -> None:
    with pytest.raises(SetupError, match="PACS2TRIAL_DATABASE_URL"):
        vault_url(url)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_an_address_as_airflow_writes_it_is_understood(scheme: str) -> None:
    assert vault_url(f"{scheme}://u:p@host:1/vault").render_as_string(hide_password=False) == (
        "postgresql+psycopg://u:p@host:1/vault"
    )
