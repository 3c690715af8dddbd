"""`make bench-scale`: what a model with 50 versions, a share with 500 models and 100 configured workspaces cost.

Calls are those of Causeway's own identities as the sandbox saw them; times depend on the machine: read their size.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from app import configuration
from app.domain import inventory
from app.store import connection
from app.store import inventory as store
from tests.journeys.crowds import Asked, counting, crowd, make_versions
from tests.service_process import Service, wait_for_end
from tests.two_workspaces import NOWHERE, TwoWorkspaces

VERSIONS, MODELS, WORKSPACES, STARTS, DEADLINE_SECONDS = 50, 500, 100, 5, 1800
AUDIENCE = "spare_1"
console = Console()


def main() -> None:
    """Set up, measure, print two tables."""
    with tempfile.TemporaryDirectory() as folder:
        world = TwoWorkspaces(Path(folder), "--visibility-seconds", "1")
        try:
            measure_world(world)
            measure_starts(world, Path(folder))
        finally:
            world.stop()


def measure_world(world: TwoWorkspaces) -> None:
    """Each thing once, on the crowd."""
    table = Table("what", "calls", "seconds", title=f"{VERSIONS} versions of a model, {MODELS} models in a share")
    crowded, model = world.model(), world.model()
    make_versions(world, crowded, VERSIONS)
    version = world.version(model)
    world.record(world.publish(model, version, audience="spare_2"))
    note(table, "publish into an empty share", world, publish(world, model, version))
    crowd(world, AUDIENCE, MODELS)
    model = world.model()
    version = world.version(model)
    note(table, f"publish beside {MODELS} models", world, publish(world, model, version))
    note(table, f"accept {MODELS + 2} models", world, accept(world))
    for path in (f"models/{crowded}/versions?page_size=200", f"models/{crowded}/versions/{VERSIONS}", "shares"):
        note(table, f"GET …/{path.replace(crowded, 'm')}", world, get(world, f"workspaces/dev/{path}"))
    note(table, "GET …/shares/{share}", world, get(world, f"workspaces/dev/shares/causeway_bikes_{AUDIENCE}"))
    measure_inventory(world, table)
    catalog = f"workspace=prod&catalog=causeway_bikes_{AUDIENCE}"
    note(table, "GET /v1/lineage of the catalog", world, get(world, f"lineage?{catalog}"))
    note(table, "GET /v1/lineage/picture of it", world, get(world, f"lineage/picture?{catalog}"))
    console.print(table)


def measure_inventory(world: TwoWorkspaces, table: Table) -> None:
    """A look at each workspace from end to end, as a worker takes it, and what a portal then asks."""
    os.environ.update(world.secrets)
    configuration.use(world.service.configuration_path)
    connection.connect(world.service.database_url)
    store.claim(configuration.current().workspaces, 300)
    for workspace in ("dev", "prod"):
        note(table, f"look at {workspace} for the inventory", world, partial(inventory.refresh, workspace))
    connection.disconnect()
    note(table, "GET /v1/inventory, 200 of them", world, get(world, "inventory?page_size=200"))


def measure_starts(world: TwoWorkspaces, folder: Path) -> None:
    """Ready with four workspaces, and with a hundred more that nobody answers for."""
    table = Table("workspaces", "least", "median", "most", title=f"Seconds to ready, {STARTS} starts")
    for more in (0, WORKSPACES):
        configured = world.make_configuration()
        lost = configured["workspaces"]["island"]
        configured["workspaces"] |= {f"far{number}": {**lost, "host": NOWHERE} for number in range(more)}
        seconds = [start(folder / f"start{more}_{number}", configured, world.secrets) for number in range(STARTS)]
        figures = (min(seconds), median(seconds), max(seconds))
        table.add_row(str(len(configured["workspaces"])), *(f"{figure:.2f}" for figure in figures))
    console.print(table)


def start(folder: Path, configured: dict[str, Any], secrets: dict[str, str]) -> float:
    """Seconds until a new service is ready."""
    began = time.perf_counter()
    service = Service(folder, configured, secrets)
    seconds = time.perf_counter() - began
    service.stop()
    return seconds


def publish(world: TwoWorkspaces, model: str, version: int) -> Callable[[], object]:
    """A publication for the audience with the crowd."""
    return lambda: world.record(world.publish(model, version, audience=AUDIENCE))


def accept(world: TwoWorkspaces) -> Callable[[], object]:
    """The acceptance of the crowd, however long it takes."""

    def wait() -> None:
        accepted = world.accept(audience=AUDIENCE).raise_for_status().json()
        ended = wait_for_end(world.alice, accepted["id"], DEADLINE_SECONDS)
        assert ended["state"] == "SUCCEEDED", ended

    return wait


def get(world: TwoWorkspaces, path: str) -> Callable[[], object]:
    """One look, which must be answered."""
    return lambda: world.alice.get(f"/v1/{path}").raise_for_status()


def note(table: Table, name: str, world: TwoWorkspaces, work: Callable[[], object]) -> Asked:
    """Do it, and add a row."""
    with counting(world) as asked:
        work()
    table.add_row(name, str(len(asked.calls)), f"{asked.seconds:.2f}")
    return asked


if __name__ == "__main__":
    main()
