"""The database comes to this release's revision by migrations alone."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from app.store import migrations
from app.store.tables import TABLES, metadata


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'new' / 'causeway.sqlite'}"


def test_migrations_make_exactly_the_tables_that_the_code_uses(url: str) -> None:
    migrations.upgrade(url)

    with create_engine(url).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert {table.__tablename__ for table in TABLES} == set(metadata.tables)


def test_migrating_twice_changes_nothing(url: str) -> None:
    migrations.upgrade(url)
    before = Path(url.removeprefix("sqlite:///")).read_bytes()

    migrations.upgrade(url)

    assert Path(url.removeprefix("sqlite:///")).read_bytes() == before
