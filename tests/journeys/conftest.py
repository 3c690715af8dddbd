"""Two workspaces and the service between them, one pair for all tests of a worker; and models to serve in prod."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.two_workspaces import TwoWorkspaces

SCHEMA = "shared_bikes_models.s"


@dataclass(frozen=True)
class Models:
    """The models of `log_models.py` in prod, which project bikes may use, and what demand's two versions predict."""

    schema: str
    row: dict[str, float]
    predicted: dict[int, list[float]]

    def body(self, last: str = "demand", version: int = 1, **more: object) -> dict[str, object]:
        """What scoring and deploying say of a model."""
        place = {"project": "bikes", "workspace": "prod"}
        return {**place, "model": f"{self.schema}.{last}", "version": version, **more}


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoWorkspaces]:
    """Shared by the tests of the groups `sharing` and `serving`: what they make has names of its own."""
    running = TwoWorkspaces(tmp_path_factory.mktemp("two_workspaces"), "--visibility-seconds", "1")
    yield running
    running.stop()


@pytest.fixture(scope="session")
def models(world: TwoWorkspaces) -> Models:
    admin = world.sandbox.client("prod")
    catalog, _, schema = SCHEMA.partition(".")
    admin.catalogs.create(catalog)
    admin.schemas.create(schema, catalog)
    for identity in ("PROD_CONTROL_ID", "PROD_RUNNER_bikes"):
        privileges = ("USE_CATALOG", "USE_SCHEMA", "EXECUTE")
        world.sandbox.grant("prod", "CATALOG", catalog, world.grants[identity], *privileges)
    script = Path(__file__).with_name("log_models.py")
    printed = world.sandbox.run_script(script, "prod", SCHEMA, "/Shared/serving-tests")
    told = json.loads(printed.splitlines()[-1])
    return Models(SCHEMA, told["row"], {int(version): values for version, values in told["predicted"].items()})


@pytest.fixture
def faults(world: TwoWorkspaces) -> Iterator[TwoWorkspaces]:
    """The same, for a test that has the sandbox misbehave."""
    yield world
    for workspace in ("dev", "prod"):
        assert world.sandbox.call(workspace, "DELETE", "/__sandbox/faults").status_code == 200
