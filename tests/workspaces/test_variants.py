"""Sharing works whichever way the platform turns out to behave where nobody could verify it: a journey for each way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.errors import ModelVersionNotFound, Problem
from app.sandbox.settings import VARIANTS
from app.workspaces import catalogs, endpoints, grants, invocations, metastores, models, providers, recipients, shares
from app.workspaces.endpoints import ServedEntity
from tests.workspaces.conftest import Platform
from tests.workspaces.test_endpoints import FILES, until_settled

COMMENT = "made by a test"
ROWS = {"dataframe_split": {"columns": ["x"], "data": [[1.5]]}}
OTHERS = [(setting, value) for setting, values in VARIANTS.items() for value in values[1:]]
# What a journey must show only where it makes a difference: each of them costs a model server.
SERVING = {"not_ready_status", "complete_routes", "endpoint_exists_status", "serve_withdrawn"}
MISSING = {"kind": "refuse", "method": "GET", "status": 404, "error_code": "NOT_FOUND"}


class Journey:
    """From the provider's model to the consumer's catalog and back, each step twice, as a repeated step would be.

    The second time, what is there is not seen at first: then the platform says that it exists already.
    """

    def __init__(self, platform: Platform, unique: Callable[[str], str]) -> None:
        self.platform = platform
        self.schema, self.share, self.catalog = unique("schema"), unique("share"), unique("catalog")
        self.model, self.shared = f"main.{self.schema}.demand", f"{self.catalog}.bikes.demand"
        self.endpoint = unique("bikes")

    def hide(self, workspace: str, path: str, *, when: bool) -> None:
        if when:
            rule = {**MISSING, "path": path, "workspace": workspace}
            assert self.platform.sandbox.call(workspace, "POST", "/__sandbox/faults", json=rule).ok

    def publish(self) -> None:
        for again in (False, True):
            self.hide("dev", f"*/schemas/main.{self.schema}", when=again)
            catalogs.ensure_schema("dev", "main", self.schema, comment=COMMENT)
            self.hide("dev", f"*/shares/{self.share}", when=again)
            shares.ensure_share("dev", self.share, comment=COMMENT)
        self.platform.register("dev", self.model, FILES)
        consumer = metastores.get_sharing_identifier("prod")
        for _ in range(2):
            shares.ensure_model("dev", self.share, self.model, shared_as="bikes.demand")
            reader = recipients.ensure_recipient("dev", consumer, name="causeway_prod", comment=COMMENT)
            shares.ensure_reader("dev", self.share, reader.name)
        assert shares.list_readers("dev", self.share) == [reader.name]

    def accept(self) -> None:
        provider = providers.get_provider("prod", metastores.get_sharing_identifier("dev")).name
        grantee = self.platform.controls["prod"].name
        for again in (False, True):
            self.hide("prod", f"*/catalogs/{self.catalog}", when=again)
            catalogs.ensure_shared_catalog("prod", self.catalog, provider=provider, share=self.share, comment=COMMENT)
            grants.ensure_privileges("prod", "catalog", self.catalog, grantee, ["USE_CATALOG", "EXECUTE"])
        assert models.get_version("prod", self.shared, 1).state == models.READY

    def deploy(self) -> None:
        """Created once, and asked before it is ready."""
        for again in (False, True):
            self.hide("prod", f"*/{self.endpoint}", when=again)
            endpoints.ensure_endpoint(
                "prod", self.endpoint, [ServedEntity("demand", self.shared, "1", 100)], tags={"causeway": "bikes"}
            )
        with pytest.raises(Problem) as early:
            invocations.predict("prod", self.endpoint, ROWS)
        assert early.value.retryable

    def withdraw(self) -> None:
        for _ in range(2):
            models.remove_version("dev", self.model, 1)
        assert models.find_version("prod", self.shared, 1) is None
        for _ in range(2):
            shares.remove_model("dev", self.share, self.model)
        assert models.find_version("prod", self.shared, 1) is None

    def give_back(self) -> None:
        provider = providers.get_provider("prod", metastores.get_sharing_identifier("dev")).name
        for _ in range(2):
            endpoints.remove_endpoint("prod", self.endpoint)
            catalogs.remove_shared_catalog("prod", self.catalog, provider=provider, share=self.share)


@pytest.mark.parametrize(("setting", "value"), OTHERS, ids=[f"{setting}={value}" for setting, value in OTHERS])
def test_sharing_works_the_other_way(
    platform: Platform, unique: Callable[[str], str], setting: str, value: Any
) -> None:
    with platform.sandbox.switched(visibility_seconds=0, **{setting: value}):
        play(Journey(platform, unique), serving=setting in SERVING)


def test_sharing_works_as_it_does_by_default_and_what_serves_goes_on(
    platform: Platform, unique: Callable[[str], str]
) -> None:
    journey = Journey(platform, unique)
    with platform.sandbox.switched(visibility_seconds=0):
        journey.publish()
        journey.accept()
        journey.deploy()
        until_settled(journey.endpoint)
        journey.withdraw()
        assert invocations.predict("prod", journey.endpoint, ROWS).content == {"predictions": [3.0]}
        with platform.sandbox.switched(serve_withdrawn=False), pytest.raises(ModelVersionNotFound):
            invocations.predict("prod", journey.endpoint, ROWS)
        journey.give_back()


def test_sharing_works_when_everything_is_the_other_way(platform: Platform, unique: Callable[[str], str]) -> None:
    others = {setting: values[-1] for setting, values in VARIANTS.items()}
    with platform.sandbox.switched(visibility_seconds=0, **others):
        play(Journey(platform, unique), serving=True)


def play(journey: Journey, *, serving: bool) -> None:
    journey.publish()
    journey.accept()
    if serving:
        journey.deploy()
    journey.withdraw()
    journey.give_back()
