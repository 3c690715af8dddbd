"""The database comes to this release's revision by migrations alone, from every revision that was ever released."""

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, DateTime, MetaData, inspect, text
from sqlmodel import select

from app import durable
from app.store import connection, migrations
from app.store.database import make_engine, transaction
from app.store.tables import TABLES, metadata

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ScriptDirectory.from_config(migrations.configuration("sqlite://"))
REVISIONS = [script.revision for script in reversed(list(SCRIPTS.walk_revisions()))]
MIGRATE = "import sys; from app.store import migrations; sys.stdin.read(); migrations.upgrade(sys.argv[1])"
MIGRATE_UNTIL_KILLED = """
import os, signal, sys
from sqlalchemy import Engine, event
from app.store import migrations

@event.listens_for(Engine, "before_cursor_execute")
def die(connection, cursor, statement, *_):
    if statement.startswith("UPDATE alembic_version"):
        os.kill(os.getpid(), signal.SIGKILL)

migrations.upgrade(sys.argv[1])
"""
AT = datetime(2026, 11, 23, 12, 30, 15, 123456, tzinfo=UTC)


def contents(url: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table but Alembic's own, as the database gives it."""
    found = MetaData()
    engine = make_engine(url)
    found.reflect(engine)
    with engine.connect() as connected:
        rows = {
            name: [dict(row) for row in connected.execute(table.select()).mappings()]
            for name, table in sorted(found.tables.items())
            if name != "alembic_version"
        }
    engine.dispose()
    return rows


def fill(url: str) -> None:
    """Put a row with a value in every column into every table that is there."""
    found = MetaData()
    engine = make_engine(url)
    found.reflect(engine)
    with engine.begin() as connected:
        for name, table in found.tables.items():
            if name != "alembic_version":
                connected.execute(table.insert(), {column.name: a_value(column.type) for column in table.columns})
    engine.dispose()


def a_value(column_type: Any) -> Any:
    if isinstance(column_type, DateTime):
        return AT
    if isinstance(column_type, JSON):
        return {"naïve": ["ключ", 1, None]}
    return 7 if column_type.python_type is int else "a value, naïve"


def read_all() -> list[Any]:
    """One row of each table as the store's own classes read it."""
    with transaction() as session:
        return [row for table in TABLES for row in session.exec(select(table))]


def test_migrations_make_exactly_the_tables_that_the_code_uses(empty_url: str) -> None:
    migrations.upgrade(empty_url)

    assert differences(empty_url) == []
    assert {table.__tablename__ for table in TABLES} == set(metadata.tables)


def test_the_engines_tables_in_the_same_database_are_none_of_ours_to_compare(empty_url: str, tmp_path: Path) -> None:
    migrations.upgrade(empty_url)
    engine_url = f"sqlite:///{tmp_path / 'engine.sqlite'}" if empty_url.startswith("sqlite") else empty_url

    durable.connect(engine_url)
    durable.disconnect()

    assert differences(empty_url) == []
    command.check(migrations.configuration(empty_url))
    if engine_url == empty_url:
        made = make_engine(empty_url)
        assert "workflow_status" in inspect(made).get_table_names(schema="dbos")
        made.dispose()


def differences(url: str) -> list[Any]:
    engine = make_engine(url)
    with engine.connect() as connected:
        found: list[Any] = compare_metadata(MigrationContext.configure(connected), metadata)
    engine.dispose()
    return found


def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    migrations.upgrade(empty_url)
    fill(empty_url)
    before = contents(empty_url)

    migrations.upgrade(empty_url)

    assert contents(empty_url) == before


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_an_earlier_release_has_written_is_there_and_readable_afterwards(empty_url: str, revision: str) -> None:
    command.upgrade(migrations.configuration(empty_url), revision)
    fill(empty_url)
    before = contents(empty_url)

    migrations.upgrade(empty_url)

    after = contents(empty_url)
    for table, (row,) in before.items():
        assert after[table][0].items() >= row.items(), table
    assert differences(empty_url) == []
    connection.connect(empty_url)
    try:
        assert len(read_all()) == len(before)
    finally:
        connection.disconnect()


def test_no_migration_leads_back() -> None:
    assert [script.revision for script in SCRIPTS.walk_revisions() if hasattr(script.module, "downgrade")] == []
    assert len(SCRIPTS.get_heads()) == 1


def test_a_database_of_a_later_release_is_refused_in_plain_words(empty_url: str) -> None:
    migrations.upgrade(empty_url)
    engine = make_engine(empty_url)
    with engine.begin() as connected:
        connected.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(migrations.DatabaseIsNewer, match="revision 9999, which this release does not know"):
        migrations.upgrade(empty_url)


def test_processes_that_start_together_take_turns_at_migrating(empty_url: str) -> None:
    program = [sys.executable, "-c", MIGRATE, empty_url]
    started = [subprocess.Popen(program, cwd=ROOT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]

    for process in started:
        assert process.stdin is not None
        process.stdin.close()
    said = [process.stderr.read().decode() for process in started if process.stderr is not None]

    assert [process.wait(timeout=60) for process in started] == [0] * 4, said
    assert differences(empty_url) == []


def test_a_migration_that_a_crash_interrupts_is_undone_and_done_again_at_the_next_start(empty_url: str) -> None:
    command.upgrade(migrations.configuration(empty_url), REVISIONS[0])
    fill(empty_url)
    before = contents(empty_url)

    died = subprocess.run([sys.executable, "-c", MIGRATE_UNTIL_KILLED, empty_url], cwd=ROOT, timeout=60, check=False)

    assert died.returncode == -signal.SIGKILL
    assert contents(empty_url) == before
    migrations.upgrade(empty_url)
    assert differences(empty_url) == []
