"""What the sandbox remembers through kill -9 and a reset, and what one metastore sees of another."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.service.catalog import PermissionsChange as Grant
from databricks.sdk.service.catalog import Privilege
from databricks.sdk.service.sharing import PermissionsChange, SharedDataObjectUpdateAction

from tests.sandbox.running import Sandbox
from tests.sandbox.sharing import RECIPIENT, added, changed, mount, share_model

MLFLOW = "/api/2.0/mlflow/unity-catalog"


def await_success(call: Callable[[], Any], seconds: float = 15) -> Any:
    """The first answer that is not "does not exist"."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except NotFound:
            assert time.monotonic() < deadline, "it never came to be seen"
            time.sleep(0.05)


@pytest.fixture
def name(sandbox: Sandbox) -> str:
    """A model in dev with one ready version."""
    full_name = f"{sandbox.schema('dev')}.m"
    sandbox.version("dev", full_name)
    return full_name


def test_a_shared_model_is_read_in_the_other_workspace_and_changed_by_nobody(sandbox: Sandbox, name: str) -> None:
    share = share_model(sandbox, name)
    shared = f"{mount(sandbox, share)}.models.m"
    admin = sandbox.client("prod")
    assert await_success(lambda: admin.model_versions.get(shared, 1)).status.value == "READY"
    folder = f"/Models/{shared.replace('.', '/')}/1"
    assert admin.files.download(f"{folder}/MLmodel").contents.read() == b"flavors: {}"
    assert [one.name for one in admin.schemas.list(shared.partition(".")[0])] == ["models"]
    assert shared in [one.full_name for one in admin.registered_models.list()]
    refusals: list[Callable[[], Any]] = [
        lambda: admin.registered_models.set_alias(shared, "prod", 1),
        lambda: admin.registered_models.update(shared, comment="mine"),
        lambda: admin.registered_models.delete(shared),
        lambda: admin.model_versions.delete(shared, 1),
        lambda: admin.schemas.create("mine", shared.partition(".")[0]),
    ]
    for refused in refusals:
        with pytest.raises(PermissionDenied, match="read-only"):
            refused()
    tag = {"name": shared, "version": "1", "key": "a", "value": "b"}
    assert sandbox.call("prod", "POST", f"{MLFLOW}/model-versions/set-tag", json=tag).status_code == 403


def test_in_a_shared_catalog_the_consumers_grants_count(sandbox: Sandbox, name: str) -> None:
    share = share_model(sandbox, name)
    catalog = mount(sandbox, share)
    person, shared = sandbox.person("prod"), f"{catalog}.models.m"
    with pytest.raises(PermissionDenied):
        await_success(lambda: person.client.model_versions.get(shared, 1))
    sandbox.grant("prod", "CATALOG", catalog, person.name, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    assert person.client.model_versions.get(shared, 1).version == 1
    writing = [Grant(principal=person.name, add=[Privilege.CREATE_MODEL])]
    with pytest.raises(Exception, match="comes from a share"):
        sandbox.client("prod").grants.update("CATALOG", catalog, changes=writing)


def test_what_is_added_is_seen_later_and_what_is_taken_away_is_gone_at_once(slow_sandbox: Sandbox) -> None:
    sandbox = slow_sandbox
    name = f"{sandbox.schema('dev')}.m"
    sandbox.version("dev", name)
    share = share_model(sandbox, name)
    catalog = mount(sandbox, share)
    dev, prod, shared = sandbox.client("dev"), sandbox.client("prod"), f"{catalog}.models.m"
    await_success(lambda: prod.model_versions.get(shared, 1))
    assert sandbox.version("dev", name) == 2
    with pytest.raises(NotFound):
        prod.model_versions.get(shared, 2)
    assert [one.version for one in prod.model_versions.list(shared)] == [1]
    await_success(lambda: prod.model_versions.get(shared, 2))
    dev.model_versions.delete(name, 1)
    with pytest.raises(NotFound):
        prod.model_versions.get(shared, 1)
    dev.shares.update(share, updates=changed(SharedDataObjectUpdateAction.REMOVE, name))
    with pytest.raises(NotFound):
        prod.registered_models.get(shared)
    dev.shares.update(share, updates=added(name, string_shared_as="models.m"))
    with pytest.raises(NotFound):
        prod.registered_models.get(shared)
    await_success(lambda: prod.registered_models.get(shared))
    dev.shares.update_permissions(share, changes=[PermissionsChange(principal=RECIPIENT, remove=["SELECT"])])
    with pytest.raises(NotFound):
        prod.registered_models.get(shared)


def test_everything_is_as_before_after_kill_9(start_sandbox: Callable[..., Sandbox]) -> None:
    sandbox = start_sandbox()
    known, person = sandbox.workspaces, sandbox.person("dev")
    name = f"{sandbox.schema('dev', person)}.m"
    sandbox.version("dev", name, person.token)
    experiment = {"name": "/Shared/kept"}
    made = sandbox.call("dev", "POST", "/api/2.0/mlflow/experiments/create", json=experiment).json()
    effects = sandbox.effects()
    sandbox.kill()
    sandbox.start()
    assert sandbox.workspaces == known
    assert person.client.model_versions.get(name, 1).status.value == "READY"
    folder = f"/Models/{name.replace('.', '/')}/1"
    assert person.client.files.download(f"{folder}/MLmodel").contents.read() == b"flavors: {}"
    found = sandbox.call(
        "dev", "GET", "/api/2.0/mlflow/experiments/get-by-name", params={"experiment_name": "/Shared/kept"}
    )
    assert found.json()["experiment"]["experiment_id"] == made["experiment_id"]
    assert sandbox.effects() == effects


def test_a_reset_forgets_all_but_who_and_where_and_the_end_is_clean(
    start_sandbox: Callable[..., Sandbox],
) -> None:
    sandbox = start_sandbox()
    person = sandbox.person("dev")
    name = f"{sandbox.schema('dev', person)}.m"
    sandbox.version("dev", name, person.token)
    experiment = {"name": "/Shared/gone"}
    sandbox.call("dev", "POST", "/api/2.0/mlflow/experiments/create", json=experiment)
    assert sandbox.call("dev", "POST", "/__sandbox/reset").status_code == 200
    with pytest.raises(PermissionDenied, match="Invalid access token"):
        person.client.current_user.me()
    admin = sandbox.client("dev")
    assert [one.name for one in admin.catalogs.list()] == ["main"]
    assert admin.metastores.summary().global_metastore_id == sandbox.workspaces["dev"]["global_metastore_id"]
    assert sandbox.effects() == []
    again = sandbox.call("dev", "POST", "/api/2.0/mlflow/experiments/create", json=experiment)
    assert again.status_code == 200
    sandbox.stop()
    assert sandbox.process.returncode == 0


def test_a_third_workspace_stands_beside_dev_on_its_metastore(slow_sandbox: Sandbox) -> None:
    sandbox = slow_sandbox
    schema = sandbox.schema("dev")
    assert sandbox.client("staging").schemas.get(schema).full_name == schema
    ids = {one: known["global_metastore_id"] for one, known in sandbox.workspaces.items()}
    assert ids["staging"] == ids["dev"] != ids["prod"]
    assert len({known["workspace_id"] for known in sandbox.workspaces.values()}) == 3
