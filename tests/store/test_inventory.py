"""Ten thousand model versions, filtered and paged by one statement over an index; and whose turn it is to look."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, event, text

from app import configuration
from app.domain.inventory import Rows
from app.errors import PageTokenInvalid
from app.store import inventory
from app.store.acceptances import Acceptance
from app.store.database import engine, transaction
from app.store.inventory import InventorySnapshot, InventoryVersion, Seen
from app.store.publications import Publication
from app.workspaces.endpoints import ListedEndpoint
from tests.http.conftest import make_configuration

MODELS, VERSIONS = 200, 50
AT = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)


def make_rows(count: int = MODELS * VERSIONS) -> list[InventoryVersion]:
    """Half of project bikes, half of trains; every 1000th version has an alias, every 500th an endpoint and a table."""
    return [
        InventoryVersion(
            project=("bikes", "trains")[number % 2],
            workspace="prod",
            model=f"c.s.m{number % MODELS:03}",
            version=1 + number // MODELS,
            state="READY",
            digest=f"sha256:{number}",
            aliases=["prod"] if number % 1000 == 0 else [],
            endpoints=[{"name": f"e{number}", "served_entity": "m"}] if number % 500 == 0 else [],
            travels_with=[{"kind": "table", "name": "c.s.weather"}] if number % 500 == 0 else [],
        )
        for number in range(count)
    ]


@pytest.fixture
def seen(database: str) -> str:
    """A database with what a look at prod has found."""
    assert inventory.claim({"prod"}, 300) == "prod"
    inventory.replace("prod", make_rows(2000), AT)
    return database


@pytest.mark.usefixtures("database")
def test_one_projects_endpoint_tells_nothing_of_another_ones_publication(tmp_path: Path) -> None:
    (tmp_path / "causeway.yaml").write_text(yaml.safe_dump(make_configuration()))
    configuration.use(tmp_path / "causeway.yaml")
    known: dict[str, Any] = {"project": "bikes", "operation_id": "op", "created_by": "x", "state": "ACTIVE"}
    names = {"model": "main.bikes.m", "version": 1, "published_model": "c.causeway_bikes_azure.m"}
    shared: dict[str, Any] = {"audience": "azure", "share": "causeway_bikes_azure"}
    copy = {**names, **shared, "published_version": 1, "digest": "sha256:x", "outcome": {"shared_as": "bikes.m"}}
    with transaction() as session:
        session.add(Publication(**known, **copy, id="pub_1", workspace="dev"))
        session.add(Acceptance(**known, **shared, id="acc_1", workspace="prod", provider_workspace="dev", catalog="c"))
    rows = Rows("prod")

    for name in ("bikes-demand", "trains-demand"):
        served = [("m-v1", "c.bikes.m", "1")]
        rows.add_endpoint(ListedEndpoint(name, None, True, "NOT_UPDATING", served, {}, None, None))

    assert {(one.project, one.digest, one.publication_id) for one in rows.found.values()} == {
        ("bikes", "sha256:x", "pub_1"),
        ("trains", None, None),
    }


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """What is read meanwhile, with its values."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            seen.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    yield seen
    event.remove(Engine, "before_cursor_execute", note)


def explain(statement: str, values: Any) -> str:
    prefix = "EXPLAIN" if engine().dialect.name == "postgresql" else "EXPLAIN QUERY PLAN"
    with engine().connect() as connection:
        return "\n".join(str(row) for row in connection.exec_driver_sql(f"{prefix} {statement}", values))


def read(projects: list[str], after: str | None = None, size: int = 200, **asked: Any) -> Any:
    kinds = (inventory.ALIAS, inventory.ENDPOINT, inventory.TABLE)
    marks: dict[str, str] = {kind: asked.pop(kind) for kind in kinds if kind in asked}
    return inventory.list_page(projects, asked, marks, after, size)


def keys(page: list[Seen]) -> list[tuple[str, str, str, int]]:
    return [one.version.key for one in page]


def check_paging(projects: list[str], asked: dict[str, Any]) -> None:
    """All rows come once, in order, without sorting them."""
    found, after = [], None
    with statements() as read_by:
        while True:
            page = read(projects, after, **asked)
            found += keys(page.items)
            after = page.after
            if after is None:
                break
    assert len(found) == MODELS * VERSIONS * len(projects) / 2
    assert all(one < other for one, other in pairwise(found))
    assert len(read_by) == len(found) / 200
    # The last page may be sorted: it is small.
    for statement, values in read_by[:2]:
        plan = explain(statement, values)
        assert "inventory_versions" in plan, plan
        for costly in ("Sort", "TEMP B-TREE", "Seq Scan on inventory_versions", "SCAN inventory_versions"):
            assert costly not in plan, plan


def check_filters() -> None:
    """Each finds its rows, and reads no others for it."""
    filters: list[tuple[dict[str, Any], int]] = [
        ({"model": "c.s.m042"}, 50),
        ({"alias": "prod"}, 10),
        ({"endpoint": "e500"}, 1),
        ({"table": "c.s.weather"}, 20),
        ({"digest": "sha256:777"}, 1),
        ({"workspace": "prod", "model": "c.s.m042", "version": 3}, 1),
        ({"alias": "prod", "endpoint": "e1000"}, 1),
        ({"state": "FAILED_REGISTRATION"}, 0),
        ({"workspace": "dev"}, 0),
    ]
    for asked, count in filters:
        with statements() as read_by:
            page = read(["bikes", "trains"], **asked)
        assert (len(page.items), page.after) == (count, None), asked
        assert len(read_by) == 1
        assert "Seq Scan on inventory_versions" not in explain(*read_by[0]), asked
    assert read(["bikes"], endpoint="e1000").items[0].as_of == AT
    assert keys(read(["trains"], alias="prod").items) == []


def test_ten_thousand_rows_are_filtered_and_paged_by_one_statement_over_an_index_each(database: str) -> None:
    assert inventory.claim({"prod"}, 300) == "prod"
    inventory.replace("prod", make_rows(), AT)
    with engine().begin() as connection:
        connection.execute(text("ANALYZE"))

    for projects, asked in product([["bikes"], ["bikes", "trains"]], [{}, {"workspace": "prod"}, {"state": "READY"}]):
        check_paging(projects, asked)
    check_filters()


def test_a_page_token_that_no_page_gave_out_is_refused(database: str) -> None:
    for after in ("x", "[]", "{}", '["a", "b", "c", true]', '["a", "b", "\\u0000", 1]', '["a", "b", "\\ud800", 1]'):
        with pytest.raises(PageTokenInvalid):
            read(["bikes"], after)
    with pytest.raises(PageTokenInvalid):
        read(["bikes"], f'["a", "b", "c", {2**40}]')


def test_a_look_replaces_what_was_known_writes_changes_alone_and_an_older_one_nothing(seen: str) -> None:
    rows = make_rows(2000)
    gone, moved, kept = rows[0], rows[1000], rows[3]
    moved.aliases, moved.endpoints = ["staging"], []
    written: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        written.append(statement.split()[0])

    event.listen(Engine, "before_cursor_execute", note)
    inventory.replace("prod", [row for row in rows if row is not gone], AT + timedelta(minutes=5))
    event.remove(Engine, "before_cursor_execute", note)

    assert written.count("DELETE") == 2
    assert written.count("INSERT") == 2
    assert keys(read(["bikes"], alias="staging").items) == [moved.key]
    assert read(["bikes"], endpoint="e1000").items == []
    assert read(["bikes"], endpoint="e0").items == []
    assert read(["trains"], digest=kept.digest).items[0].as_of == AT + timedelta(minutes=5)
    inventory.replace("prod", [], AT + timedelta(minutes=4))
    assert len(read(["trains"]).items) == 200


def test_a_workspaces_turn_is_one_workers_and_a_failed_look_leaves_what_was_known(seen: str) -> None:
    assert inventory.claim({"prod", "dev"}, 300) == "dev"
    assert inventory.claim({"prod", "dev"}, 300) is None
    inventory.hasten(["prod", "nowhere"], 0)
    inventory.note_failure("prod", "workspace-unavailable")

    assert inventory.claim({"prod", "dev"}, 300) == "prod"
    assert inventory.claim({"prod", "dev"}, 300) is None
    found = read(["bikes"], endpoint="e500").items[0]
    assert (found.as_of, found.version.key) == (AT, ("bikes", "prod", "c.s.m100", 3))
    with transaction() as session:
        assert session.get_one(InventorySnapshot, "prod").problem == "workspace-unavailable"

    assert inventory.claim({"dev"}, 300) is None
    assert read(["bikes", "trains"]).items == []
