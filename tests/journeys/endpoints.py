"""Endpoints as the serving tests see them: what they serve, what they were given, and what they answer."""

from typing import Any

from tests.journeys.conftest import Models
from tests.sandbox.running import unique
from tests.two_workspaces import TwoWorkspaces

LIVE = "/v1/workspaces/prod/serving-endpoints"


def name() -> str:
    """A name that no other test uses."""
    return unique("bikes-e")


def predict(world: TwoWorkspaces, endpoint: str, models: Models) -> tuple[Any, str]:
    """What the endpoint answers for the row, and which served entity did."""
    answer = world.alice.post(f"{LIVE}/{endpoint}/invocations", json={"dataframe_records": [models.row]})
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"][0], answer.headers["served-model-name"]


def live(world: TwoWorkspaces, endpoint: str) -> dict[str, Any]:
    """The endpoint as Causeway shows it now."""
    body: dict[str, Any] = world.alice.get(f"{LIVE}/{endpoint}").json()
    return body


def serves(world: TwoWorkspaces, endpoint: str) -> dict[str, int]:
    """Percent of the traffic by served entity."""
    return {entity["name"]: entity["traffic"] for entity in live(world, endpoint)["served_entities"]}


def updates(world: TwoWorkspaces, endpoint: str) -> list[dict[str, int]]:
    """The traffic of each configuration that the endpoint was given, in order."""
    return [one["details"]["traffic"] for one in world.effects("endpoint-config-updated", name=endpoint)]


def steps(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The steps by name, in order."""
    return {step["name"]: step for step in operation["steps"]}
