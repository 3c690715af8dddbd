"""What is remembered is remembered alike by both databases: every test that asks for one runs on each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.store import connection, migrations
from tests import postgres
from tests.store import sealed_trail


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'causeway.sqlite'}"
        return
    url = postgres.new_database(migrated=False)
    yield postgres.sqlalchemy_url(url)
    postgres.remove_database(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """This process's database, at the release's revision, and its address."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'causeway.sqlite'}"
        migrations.upgrade(url)
        connection.connect(url)
        yield url
        connection.disconnect()
        return
    made = postgres.new_database()
    connection.connect(postgres.sqlalchemy_url(made))
    yield postgres.sqlalchemy_url(made)
    connection.disconnect()
    postgres.remove_database(made)


@pytest.fixture
def heads(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the heads that leave this process's database, where it seals and signs with `KEY`."""
    monkeypatch.setenv("AUDIT_KEY", sealed_trail.private_pem(sealed_trail.KEY))
    with sealed_trail.configured(tmp_path, {"signing_key": {"env": "AUDIT_KEY"}}) as folder:
        yield folder
