"""Quotas, protections, groups, and the manners that nobody could verify: each can be switched and then shows."""

from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import PermissionDenied
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.iam import ComplexValue

from app.sandbox import settings
from app.sandbox.settings import VARIANTS, Settings
from tests.sandbox.running import Sandbox, Unique, unique
from tests.sandbox.serving.endpoints import entity, split
from tests.sandbox.sharing import added, grant_on_metastore, mount, provider_name, share_model

UNITY = "/api/2.1/unity-catalog"


@pytest.fixture(scope="module")
def sandbox(pliable_sandbox: Sandbox) -> Sandbox:
    return pliable_sandbox


@pytest.fixture
def model(sandbox: Sandbox) -> str:
    """A model of A's admin with one READY version that has an alias."""
    name = f"{sandbox.schema('dev')}.m"
    sandbox.version("dev", name)
    sandbox.client("dev").registered_models.set_alias(name, "prod", 1)
    return name


def refusal(call: Callable[[], Any]) -> str:
    """The code with which the platform refuses the call."""
    with pytest.raises(DatabricksError) as refused:
        call()
    return str(refused.value.error_code)


def test_what_is_full_takes_no_more(sandbox: Sandbox, model: str) -> None:
    admin, share, other = sandbox.client("dev"), share_model(sandbox, model), f"{model}_other"
    sandbox.version("dev", other)
    body = {"name": unique("share")}
    with sandbox.switched(shares_per_metastore=1, objects_per_share=1):
        assert refusal(lambda: admin.shares.create(unique("share"))) == "RESOURCE_LIMIT_EXCEEDED"
        assert refusal(lambda: admin.shares.update(share, updates=added(other))) == "RESOURCE_LIMIT_EXCEEDED"
    with sandbox.switched(shares_per_metastore=1, quota_code="QUOTA_EXCEEDED", quota_status=429):
        full = sandbox.call("dev", "POST", f"{UNITY}/shares", json=body)
        assert (full.status_code, full.json()["error_code"]) == (429, "QUOTA_EXCEEDED")
    partner = {"authentication_type": "DATABRICKS", "name": unique("r")}
    partner["data_recipient_global_metastore_id"] = "gcp:europe-west1:7ba960af-ef1e-49c2-add9-438009bfd87d"
    with sandbox.switched(recipients_per_metastore=1):
        full = sandbox.call("dev", "POST", f"{UNITY}/recipients", json=partner)
        assert full.json()["error_code"] == "RESOURCE_LIMIT_EXCEEDED"


def test_what_left_a_share_with_its_schema_does_not_come_back(sandbox: Sandbox, model: str) -> None:
    admin, catalog = sandbox.client("dev"), model.partition(".")[0]
    for barred in (True, False):
        share = share_model(sandbox, model)
        with sandbox.switched(bar_after_cascade=barred):
            admin.schemas.delete(f"{catalog}.s", force=True)
            assert not admin.shares.get(share, include_shared_data=True).objects
            admin.schemas.create("s", catalog)
            sandbox.version("dev", model)
            body = {"updates": [update.as_dict() for update in added(model)]}
            answer = sandbox.call("dev", "PATCH", f"{UNITY}/shares/{share}", json=body)
            assert (answer.status_code, "cannot be added again" in answer.text) == (
                (400, True) if barred else (200, False)
            )


def test_what_is_shared_may_be_protected_from_deletion(sandbox: Sandbox, model: str) -> None:
    admin, share, schema = sandbox.client("dev"), share_model(sandbox, model), model.rpartition(".")[0]
    with sandbox.switched(block_shared_deletes=True):
        blocked = "DELTA_SHARING_SECURABLE_DELETE_BLOCKED"
        assert refusal(lambda: admin.registered_models.delete(model)) == blocked
        assert refusal(lambda: admin.schemas.delete(schema, force=True)) == blocked
        assert refusal(lambda: admin.catalogs.delete(schema.partition(".")[0], force=True)) == blocked
        admin.model_versions.delete(model, 1)
        admin.shares.delete(share)
        admin.registered_models.delete(model)


def test_a_group_owns_and_is_granted_for_its_members(sandbox: Sandbox, model: str, unique: Unique) -> None:
    admin, inside, outside = sandbox.client("dev"), sandbox.person("dev"), sandbox.person("dev")
    group = admin.groups.create(display_name=unique("stewards"), members=[ComplexValue(value=inside.id)])
    catalog, share = model.partition(".")[0], unique("share")
    sandbox.grant("dev", "CATALOG", catalog, group.display_name, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    assert inside.client.model_versions.get(model, 1).version == 1
    with pytest.raises(PermissionDenied):
        outside.client.model_versions.get(model, 1)

    grant_on_metastore(sandbox, outside, "CREATE_SHARE")
    outside.client.shares.create(share)
    outside.client.shares.update(share, owner=group.display_name)
    with pytest.raises(PermissionDenied):
        outside.client.shares.update(share, updates=added(model))
    inside.client.shares.update(share, updates=added(model))
    [entry] = inside.client.shares.get(share, include_shared_data=True).objects
    assert entry.status.value == "ACTIVE"
    assert admin.groups.get(group.id).members[0].value == inside.id
    admin.groups.delete(group.id)
    with pytest.raises(PermissionDenied):
        inside.client.shares.get(share)


Case = Callable[[Sandbox, str, str], Any]


def told(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("error_code", "")


def ask(sandbox: Sandbox, workspace: str, method: str, path: str, **options: Any) -> tuple[int, str]:
    return told(sandbox.call(workspace, method, path, **options))


def create_again(sandbox: Sandbox, model: str, catalog: str) -> tuple[int, str]:
    return ask(sandbox, "dev", "POST", f"{UNITY}/catalogs", json={"name": model.partition(".")[0]})


def mount_again(sandbox: Sandbox, model: str, catalog: str) -> tuple[int, str]:
    known = sandbox.client("prod").catalogs.get(catalog)
    body = {"name": unique("c"), "provider_name": known.provider_name, "share_name": known.share_name}
    return ask(sandbox, "prod", "POST", f"{UNITY}/catalogs", json=body)


def mount_unknown(sandbox: Sandbox, model: str, catalog: str) -> tuple[int, str]:
    body = {"name": unique("c"), "provider_name": provider_name(sandbox), "share_name": "nothing"}
    return ask(sandbox, "prod", "POST", f"{UNITY}/catalogs", json=body)


def write_shared(sandbox: Sandbox, model: str, catalog: str) -> tuple[int, str]:
    path = f"{UNITY}/models/{catalog}.models.m/aliases/prod"
    return ask(sandbox, "prod", "PUT", path, json={"version_num": 1})


def read_alias(sandbox: Sandbox, model: str, catalog: str) -> tuple[int, str]:
    return ask(sandbox, "prod", "GET", f"{UNITY}/models/{catalog}.models.m/aliases/prod")


def list_functions(sandbox: Sandbox, model: str, catalog: str) -> int:
    share = sandbox.client("prod").catalogs.get(catalog).share_name
    assets = sandbox.client("prod").providers.list_provider_share_assets(provider_name(sandbox), share)
    return len(assets.functions or [])


def read_missing(sandbox: Sandbox, model: str, catalog: str) -> tuple[int, str]:
    return ask(sandbox, "dev", "GET", f"{UNITY}/shares/{unique('nothing')}")


def read_grants(sandbox: Sandbox, model: str, catalog: str) -> tuple[int, str]:
    return ask(sandbox, "dev", "GET", f"{UNITY}/permissions/FUNCTION/{model}")


def read_tags(sandbox: Sandbox, model: str, catalog: str) -> tuple[int, str]:
    return ask(sandbox, "dev", "GET", f"{UNITY}/entity-tag-assignments/models/{model}/tags")


def version_tags(sandbox: Sandbox, model: str, catalog: str) -> int:
    base, known = "/api/2.0/mlflow/unity-catalog/model-versions", {"version": "1"}
    sandbox.call("dev", "POST", f"{base}/set-tag", json={**known, "name": model, "key": "k", "value": "v"})
    seen = sandbox.call("prod", "GET", f"{base}/get", params={**known, "name": f"{catalog}.models.m"}).json()
    return len(seen["model_version"].get("tags", []))


def tell_lineage(sandbox: Sandbox, model: str, catalog: str) -> int:
    base, name = "/api/2.0/lineage-tracking", unique("training")
    sandbox.call("prod", "POST", f"{base}/external-metadata", json={"name": name, "entity_type": "Model"})
    tie = {"source": {"external_metadata": {"name": name}}}
    tie["target"] = {"model_version": {"name": f"{catalog}.models.m", "version": "1"}}
    return sandbox.call("prod", "POST", f"{base}/external-lineage", json=tie).status_code


def come_with_nonsense(sandbox: Sandbox, model: str, catalog: str) -> tuple[int, str]:
    return ask(sandbox, "dev", "GET", f"{UNITY}/shares", token="dapi-nonsense")


CASES: list[tuple[Case, str, dict[Any, Any]]] = [
    (
        create_again,
        "already_exists_status",
        {400: (400, "CATALOG_ALREADY_EXISTS"), 409: (409, "CATALOG_ALREADY_EXISTS")},
    ),
    (read_missing, "does_not_exist_status", {404: (404, "SHARE_DOES_NOT_EXIST"), 400: (400, "SHARE_DOES_NOT_EXIST")}),
    (come_with_nonsense, "refused_token_status", {403: (403, "PERMISSION_DENIED"), 401: (401, "UNAUTHENTICATED")}),
    (
        mount_unknown,
        "unknown_share_code",
        {
            "SHARE_DOES_NOT_EXIST": (404, "SHARE_DOES_NOT_EXIST"),
            "PROVIDER_SHARE_NOT_ACCESSIBLE": (404, "PROVIDER_SHARE_NOT_ACCESSIBLE"),
        },
    ),
    (mount_again, "mount_once", {False: (200, ""), True: (400, "CATALOG_ALREADY_EXISTS")}),
    (write_shared, "shared_write_status", {403: (403, "PERMISSION_DENIED"), 400: (400, "INVALID_PARAMETER_VALUE")}),
    (read_alias, "aliases_travel", {True: (200, ""), False: (404, "RESOURCE_DOES_NOT_EXIST")}),
    (version_tags, "version_tags_travel", {True: 1, False: 0}),
    (list_functions, "assets_list_models", {True: 1, False: 0}),
    (read_grants, "model_securable_type", {"FUNCTION": (200, ""), "MODEL": (404, "RESOURCE_DOES_NOT_EXIST")}),
    (tell_lineage, "lineage_into_shared", {False: 403, True: 200}),
    (read_tags, "model_entity_type", {"models": (200, ""), "functions": (400, "INVALID_PARAMETER_VALUE")}),
]


# Documented as they are; the rest of the settings are doubts.
DOCUMENTED = {"visibility_seconds", "oauth_token_seconds", "empty_first_page", "page_size", "external_sharing"}
DOCUMENTED |= {"limit_concurrency", "shares_per_metastore", "recipients_per_metastore", "objects_per_share"}
DOCUMENTED |= {"endpoints_per_workspace"}


def test_every_setting_is_explained_and_every_doubt_can_be_either_way() -> None:
    explained = (Path(settings.__file__).parent / "README.md").read_text()
    defaults = {field.name: field.default for field in fields(Settings)}
    assert [name for name in defaults if f"`{name}`" not in explained] == []
    assert defaults.keys() - VARIANTS.keys() == DOCUMENTED
    assert {name: values[0] for name, values in VARIANTS.items()} == {name: defaults[name] for name in VARIANTS}


def test_each_manner_that_nobody_could_verify_can_be_switched(sandbox: Sandbox, model: str) -> None:
    catalog = mount(sandbox, share_model(sandbox, model))
    for case, setting, expected in CASES:
        assert set(expected) == set(VARIANTS[setting])
        for value, answer in expected.items():
            with sandbox.switched(**{setting: value}):
                assert case(sandbox, model, catalog) == answer, (setting, value)
    refused = sandbox.call("dev", "PATCH", "/__sandbox/settings", json={"already_exists_status": 418})
    assert refused.status_code == 400


@pytest.fixture
def endpoint(sandbox: Sandbox) -> Iterator[str]:
    """The name of an endpoint that is gone after the test."""
    name = unique("endpoint")
    yield name
    sandbox.call("prod", "DELETE", f"/api/2.0/serving-endpoints/{name}")


def test_so_can_the_manners_of_serving(sandbox: Sandbox, endpoint: str) -> None:
    model = f"{sandbox.schema('prod')}.m"
    sandbox.version("prod", model)
    both = {"served_entities": [entity(model, 1).as_dict(), entity(model, 1, name="other").as_dict()]}
    incomplete = {"name": endpoint, "config": {**both, "traffic_config": split(v1=100).as_dict()}}
    for complete in VARIANTS["complete_routes"]:
        with sandbox.switched(complete_routes=complete):
            made = ask(sandbox, "prod", "POST", "/api/2.0/serving-endpoints", json=incomplete)
            assert made[0] == (400 if complete else 200)
    body = {"name": endpoint, "config": {"served_entities": [entity(model, 1).as_dict()]}}
    path = f"/api/2.0/serving-endpoints/{endpoint}/config"
    with sandbox.switched(endpoints_per_workspace=1):
        one_more = ask(sandbox, "prod", "POST", "/api/2.0/serving-endpoints", json={**body, "name": unique("e")})
        assert one_more == (400, "RESOURCE_LIMIT_EXCEEDED")
    for status in VARIANTS["endpoint_exists_status"]:
        with sandbox.switched(endpoint_exists_status=status):
            taken = ask(sandbox, "prod", "POST", "/api/2.0/serving-endpoints", json=body)
            assert taken == (status, "RESOURCE_ALREADY_EXISTS")
    for code in VARIANTS["update_conflict_code"]:
        with sandbox.switched(update_conflict_code=code):
            assert ask(sandbox, "prod", "PUT", path, json=body["config"])[1] == code
    for status in VARIANTS["not_ready_status"]:
        with sandbox.switched(not_ready_status=status):
            invocations = f"/serving-endpoints/{endpoint}/invocations"
            assert ask(sandbox, "prod", "POST", invocations, json={})[0] == status
