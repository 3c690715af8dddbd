"""A service whose workspaces cannot be reached: enough for everything that is decided before one is asked."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.service_process import Service

ALICE, BOB, ADMIN = "person:alice@example.test", "person:bob@example.test", "person:root@example.test"
ROBOT = "service:bikes-ci"
CAROL = "person:carol@example.test"
# Nothing listens on the discard port.
ENVIRONMENT = {"TEST_TOKEN": "nothing", "CAUSEWAY_SEAL_SECONDS": "0.3"}
NOWHERE = "http://127.0.0.1:9"


def make_configuration() -> dict[str, Any]:
    """Two projects of two teams: alice and the robot have bikes, bob has trains, the viewer sees bikes,
    and carol sees both."""

    def workspace(cloud: str) -> dict[str, Any]:
        secret = {"type": "pat", "token": {"env": "TEST_TOKEN"}}
        return {"host": NOWHERE, "cloud": cloud, "auth": secret, "volume": "causeway.control.files"}

    def persons(role: str, team: tuple[str, ...]) -> list[str]:
        return [one for one in team if role != "approver" or one != ROBOT]

    def project(name: str, *team: str) -> dict[str, Any]:
        return {
            "runners": {"dev": f"{name}-runner-a", "prod": f"{name}-runner-b"},
            "volumes": {"dev": f"main.{name}.files", "prod": f"main.{name}.files"},
            "sources": {"dev": [f"main.{name}.*"]},
            "endpoints": {"prod": [f"{name}-*"]},
            "audiences": {"azure": {"recipients": [{"workspace": "prod"}]}},
            "roles": {role: persons(role, team) for role in ("approver", "publisher", "deployer", "invoker")},
        }

    bikes = project("bikes", ALICE, ROBOT)
    bikes["roles"]["viewer"] = ["person:viewer@example.test", CAROL]
    trains = project("trains", BOB)
    trains["roles"]["viewer"] = [CAROL]
    return {
        "admins": [ADMIN],
        "principals": {ROBOT: {"owner": ALICE}},
        "workspaces": {
            "dev": {**workspace("aws"), "shareable_catalog": "causeway_shareable"},
            "prod": workspace("azure"),
            "island": workspace("aws"),
        },
        "links": [{"from": "dev", "to": "prod"}],
        "projects": {"bikes": bikes, "trains": trains},
    }


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("service"), make_configuration(), ENVIRONMENT)
    yield running
    running.stop()
