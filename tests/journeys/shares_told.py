"""What is to be found of everything that `behind_our_back` changes, and what Causeway told and did about it."""

import time
from typing import Any

from tests.journeys.behind_our_back import BehindOurBack
from tests.journeys.drifting import Drift, of, reconcile, remedy
from tests.service_process import wait_for_end
from tests.two_workspaces import DECLARED_TABLE

# Kind, audience in which it is made, severity, remedy (None: only people can heal it).
CASES = [
    ("share-gone", "gone", "HIGH", "put-back"),
    ("share-foreign", "ended", "CRITICAL", None),
    ("share-hidden", "hidden", "HIGH", None),
    ("share-object-missing", "empty", "HIGH", "put-back"),
    ("share-object-missing", "wide: what an audience change added", "HIGH", "put-back"),
    ("share-object-missing", "wide: a table that a version needs", "HIGH", "put-back"),
    ("share-object-missing", "wide: a function that a version needs", "HIGH", "put-back"),
    ("share-object-foreign", "wide", "CRITICAL", "put-back"),
    ("share-object-denied", "lost", "HIGH", None),
    ("model-hidden", "lost", "HIGH", None),
    ("reader-lost", "wide", "HIGH", "put-back"),
    ("reader-unknown", "wide", "CRITICAL", "put-back"),
    ("recipient-gone", "far", "HIGH", "put-back"),
    ("version-unvetted", "wide", "CRITICAL", "put-back"),
    ("writer-unknown", "wide", "HIGH", "put-back"),
    ("digest-changed", "empty", "CRITICAL", "put-back"),
    ("version-gone", "far", "HIGH", "put-back"),
    ("version-gone", "ended", "HIGH", "accept"),
    ("version-unvetted", "whole", "CRITICAL", "accept"),
    ("version-gone", "whole", "HIGH", "accept"),
    ("digest-changed", "whole", "CRITICAL", "accept"),
    ("copy-gone", "kept", "HIGH", "put-back"),
    ("copy-changed", "kept", "CRITICAL", "accept"),
    ("catalog-gone", "wide", "HIGH", "put-back"),
    ("catalog-gone", "ended", "HIGH", "accept"),
    ("catalog-replaced", "hidden", "CRITICAL", "accept"),
    ("catalog-users-lost", "empty", "HIGH", "put-back"),
    ("catalog-owner-changed", "lost", "HIGH", None),
]
WAIT = "wait for the copy job"
# Found where the bytes are read; and what is healed by publishing or accepting again.
DEEP = {"digest-changed", "copy-changed"}
SLOW = {*DEEP, "version-gone", "copy-gone", "catalog-gone"}


class Told:
    """What was found before and after the remedies, and how each remedy ended."""

    def __init__(self, behind: BehindOurBack) -> None:
        self.behind, world = behind, behind.world
        began = time.time_ns() // 1_000_000
        self.calm = [one for one in reconcile(world, "dev", "prod") if behind.is_ours(one)]
        self.calls = behind.count_calls(began)
        behind.change_everything()
        self.found = [one for one in reconcile(world, "dev", "prod", deep=True) if behind.is_ours(one)]
        self.again = [one for one in reconcile(world, "dev") if behind.is_ours(one)]
        self.silent = self._ask_in_vain()
        self.still_open = world.alice.get("/v1/drifts", params={"workspace": "prod", "state": "OPEN"}).json()["items"]
        # What is published or accepted again needs the share and its recipients first.
        quick = [case for case in CASES if case[0] not in SLOW]
        healed = self._remedy(quick)
        self.cancelled = self._cancel_a_remedy()
        self.ended = {**healed, **self._remedy([case for case in CASES if case not in quick])}
        behind.heal_by_hand()
        looked = reconcile(world, "dev", "prod", deep=True)
        self.left = [one for one in looked if behind.is_ours(one)]

    def _remedy(self, cases: list[tuple[str, str, str, str | None]]) -> dict[str, Any]:
        """How the remedies of these cases ended, all at once, by the drift's id."""
        world = self.behind.world
        found = [(self.get(kind, audience), name) for kind, audience, _, name in cases if name]
        asked = {drift["id"]: remedy(world, drift, name) for drift, name in found}
        return {drift_id: world.end(one) for drift_id, one in asked.items()}

    def _cancel_a_remedy(self) -> dict[str, Any]:
        """How a remedy and what it had begun ended, and what is said of the drift afterwards."""
        world, drift = self.behind.world, self.get("version-gone", "far")
        result = "/api/2.0/fs/files/Volumes/*/result.json"
        world.fault(method="PUT", path=result, kind="delay", delay_seconds=10)
        asked, begun = remedy(world, drift, "put-back"), "/v1/operations?project=bikes&kind=publish&page_size=1"
        # A copy job has started: it is the remedy's, for nobody else publishes now.
        world.wait_for_step(asked, "wait for what heals it")
        child = world.alice.get(begun).json()["items"][0]
        world.eventually(lambda: WAIT in str(world.alice.get(f"/v1/operations/{child['id']}").json()["steps"]))
        world.alice.post(f"/v1/operations/{asked.json()['id']}:cancel").raise_for_status()
        ended, followed = world.end(asked), wait_for_end(world.alice, child["id"])
        world.sandbox.call("dev", "DELETE", "/__sandbox/faults").raise_for_status()
        still = world.alice.get(f"/v1/drifts/{drift['id']}").json()
        return {"remedy": ended, "begun": followed, "drift": still}

    def _ask_in_vain(self) -> dict[str, Any]:
        """A reconciliation while prod refuses Causeway as a whole."""
        world = self.behind.world
        refusal = {"kind": "refuse", "status": 403, "error_code": "PERMISSION_DENIED"}
        world.fault("prod", method="GET", path="/api/2.0/preview/scim/v2/Me", **refusal)
        try:
            return world.record(world.post("reconciliations", {"project": "bikes", "workspace": "prod"}))
        finally:
            world.sandbox.call("prod", "DELETE", "/__sandbox/faults")

    def get(self, kind: str, audience: str) -> Drift:
        declared, (table, function) = DECLARED_TABLE, self.behind.needed
        told = {
            ("share-object-missing", "wide: what an audience change added"): declared,
            ("share-object-missing", "wide: a table that a version needs"): table,
            ("share-object-missing", "wide: a function that a version needs"): function,
            ("share-object-foreign", "wide"): self.behind.foreign,
            ("reader-unknown", "wide"): self.behind.stranger,
            ("writer-unknown", "wide"): self.behind.writer,
        }
        return of(self.found, kind, told.get((kind, audience), f"drift_{audience}"))
