"""One of each arrangement that a model may cross by: vetted, whole, from a partner; each accepted and copied, once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.journeys.partners import share_models
from tests.journeys.test_contents import make_dependent, make_needed
from tests.journeys.test_partners import of_acme
from tests.two_workspaces import TwoWorkspaces

AUDIENCE = "spare_14"


@dataclass(frozen=True)
class Arranged:
    """Records: version 2 of `vetted`, which needs `table`, and `whole` are published and `accepted` together."""

    table: str
    vetted: dict[str, Any]
    whole: dict[str, Any]
    accepted: dict[str, Any]
    theirs: dict[str, Any]

    @property
    def seen(self) -> str:
        """What the consumer calls the vetted model."""
        return f"{self.accepted['catalog']}.{self.vetted['shared_as']}"


@cache
def arrange(world: TwoWorkspaces) -> Arranged:
    """For all tests that leave it as it is; the whole model has a second version, too."""
    model, whole, acme = (world.model() for _ in range(3))
    table, function = make_needed(world)
    needing = make_dependent(world, model, table, function)
    vetted = world.record(world.publish(model, needing, audience=AUDIENCE, include_dependencies=True))
    first, _ = world.version(whole), world.version(whole)
    shared = world.record(world.publish(whole, first, audience=AUDIENCE, mode="whole-model"))
    accepted = world.record(world.accept(audience=AUDIENCE, copy=True))
    world.version(acme)
    share_models(world, "acme_owned", acme)
    theirs = world.record(world.post("acceptances", of_acme(world, "acme_owned", copy=True)))
    return Arranged(table, vetted, shared, accepted, theirs)
