"""A remedy acts on what is so now: what was found is looked for again when it is asked for, and where it is done."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from databricks.sdk.service.sharing import PermissionsChange

from app import configuration
from app.domain import remedies
from app.domain.workflows import Work
from app.errors import RecordNotActive
from app.store import connection
from tests.journeys.drifting import of, reconcile, remedy
from tests.journeys.test_audiences import partner, readers
from tests.two_workspaces import TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("sharing")
AUDIENCE = "overtaken"


@pytest.fixture
def declared(as_the_service: TwoWorkspaces, faults: TwoWorkspaces) -> Iterator[dict[str, Any]]:
    """The configuration, to be changed and given to `declare`; this process has it and the store, too."""
    connection.connect(as_the_service.service.database_url)
    yield deepcopy(as_the_service.make_configuration())
    as_the_service.service.configure(as_the_service.make_configuration())
    connection.disconnect()


def declare(world: TwoWorkspaces, declared: dict[str, Any], *partners: str) -> None:
    recipients = [{"workspace": "prod"}, *({"sharing_identifier": one} for one in partners)]
    declared["projects"]["bikes"]["audiences"][AUDIENCE] = {"recipients": recipients}
    world.service.configure(declared)
    configuration.use(world.service.configuration_path)


def make_work(drift: dict[str, Any], name: str, operation_id: str = "op_x") -> Work:
    """What the operation of a remedy that was asked for when it was found is given, however late its turn comes."""
    record = drift["record"] and drift["record"]["id"]
    request = {"remedy": name, "found": drift["found"], "record": record}
    return Work(operation_id, "bikes", "person:alice@example.test", drift["id"], request)


def look_with_faults(world: TwoWorkspaces, unread: dict[str, Any]) -> list[dict[str, Any]]:
    """What a look at every byte in dev finds, where one copy cannot be read and nobody may be asked for secrets."""
    files = f"/api/2.0/fs/files/Models/{unread['model'].replace('.', '/')}/{unread['version']}/model.bin"
    world.fault(kind="refuse", status=403, error_code="PERMISSION_DENIED", method="GET", path=files)
    world.fault(kind="refuse", status=404, error_code="ENDPOINT_NOT_FOUND", path="*/credentials/secrets")
    record = world.record(world.post("reconciliations", {"project": "bikes", "workspace": "dev", "deep": True}))
    (part,) = record["workspaces"]
    missed = ["copy-changed", "credential-ends", "digest-changed"]
    assert (part["state"], part["kinds_missed"]) == ("PARTIAL", missed)
    drifts: list[dict[str, Any]] = record["drifts"]
    return drifts


def test_what_was_overtaken_is_not_put_back_and_what_is_whole_again_is_not_given_up(
    as_the_service: TwoWorkspaces, declared: dict[str, Any]
) -> None:
    world, model, dropped = as_the_service, as_the_service.model(), partner()
    share, dev, prod = f"causeway_bikes_{AUDIENCE}", world.sandbox.client("dev"), world.sandbox.client("prod")
    declare(world, declared, dropped)
    published = world.record(world.publish(model, world.version(model), audience=AUDIENCE))
    unread = world.record(world.publish(model, world.version(model), audience=AUDIENCE))["published"]
    accepted = world.record(world.accept(audience=AUDIENCE))
    lost = next(one["name"] for one in published["recipients"] if one["sharing_identifier"] == dropped)
    dev.shares.update_permissions(share, changes=[PermissionsChange(principal=lost, remove=["SELECT"])])
    dev.model_versions.delete(published["published"]["model"], published["published"]["version"])
    prod.catalogs.delete(accepted["catalog"], force=True)
    provider = next(prod.providers.list(data_provider_global_metastore_id=world.identifier("dev"))).name
    found = [*look_with_faults(world, unread), *reconcile(world, "prod")]
    reader, version, catalog = (
        of(found, kind, told)
        for kind, told in (("reader-lost", lost), ("version-gone", share), ("catalog-gone", accepted["catalog"]))
    )

    declare(world, declared)
    withdrawn = world.end(world.delete(f"publications/{published['id']}"))
    prod.catalogs.create(accepted["catalog"], provider_name=provider, share_name=share)

    for drift, name in ((reader, "put-back"), (version, "put-back"), (version, "accept"), (catalog, "accept")):
        assert problem(remedy(world, drift, name), 409, "record-not-active")["needed"] == "OPEN"
        assert world.alice.get(f"/v1/drifts/{drift['id']}").json()["state"] == "GONE"
    assert remedies.apply(make_work(reader, "put-back")).value == []
    assert remedies.apply(make_work(version, "accept")).value == []
    assert remedies.apply(make_work(catalog, "accept")).value == []
    with pytest.raises(RecordNotActive):
        remedies.begin_slow_work(make_work(version, "put-back", withdrawn["id"]))
    assert readers(world, AUDIENCE) == ["causeway_prod"]
    publications = world.alice.get("/v1/publications", params={"model": model}).json()["items"]
    assert [one["state"] for one in publications] == ["ACTIVE", "WITHDRAWN"]
    assert world.alice.get(f"/v1/acceptances/{accepted['id']}").json()["state"] == "ACTIVE"
