"""What the tests of drift do: ask for a look, apply a remedy, and find one difference among those that were found."""

from typing import Any

import httpx

from tests.two_workspaces import TwoWorkspaces

Drift = dict[str, Any]


def reconcile(world: TwoWorkspaces, *workspaces: str, deep: bool = False) -> list[Drift]:
    """All drift that a look at each of the workspaces finds."""
    bodies = [{"project": "bikes", "workspace": one, "deep": deep} for one in workspaces]
    asked = [world.post("reconciliations", body) for body in bodies]
    records = [world.record(one) for one in asked]
    unknown = [part for record in records for part in record["workspaces"] if part["state"] != "KNOWN"]
    assert not unknown, unknown
    return [drift for record in records for drift in record["drifts"]]


def of(drifts: list[Drift], kind: str, told: str) -> Drift:
    """The one difference of this kind that names `told`."""
    (found,) = [one for one in drifts if one["kind"] == kind and names(one, told)]
    return found


def names(drift: Drift, told: str) -> bool:
    return any(told in text for text in (drift["object"]["name"], drift["wanted"], drift["found"]))


def remedy(world: TwoWorkspaces, drift: Drift, name: str, client: httpx.Client | None = None) -> httpx.Response:
    """Ask for a remedy of the drift, as it was planned."""
    path = f"drifts/{drift['id']}/remedies"
    planned = (client or world.alice).post(f"/v1/{path}:plan", json={"remedy": name})
    body = {"remedy": name, **({"plan_digest": planned.json()["digest"]} if planned.status_code == 200 else {})}
    return world.post(path, body, client=client)
