"""Names and tags of Unity Catalog's objects: the platform's limits, one API for all kinds, the registry's own."""

from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import EntityTagAssignment

from tests.sandbox.running import Sandbox

MLFLOW = "/api/2.0/mlflow/unity-catalog"


def assign(client: Any, kind: str, name: str, key: str, value: str = "") -> Any:
    return client.entity_tag_assignments.create(EntityTagAssignment(name, key, kind, tag_value=value))


def test_tags_are_assigned_changed_listed_and_taken_away_by_those_who_may(sandbox: Sandbox) -> None:
    schema, admin, person = sandbox.schema("dev"), sandbox.client("dev"), sandbox.person("dev")
    catalog, tags = schema.partition(".")[0], admin.entity_tag_assignments
    assert assign(admin, "schemas", schema, "team", "bikes").tag_value == "bikes"
    with pytest.raises(DatabricksError) as again:
        assign(admin, "schemas", schema, "team", "trains")
    assert again.value.error_code == "RESOURCE_ALREADY_EXISTS"
    changed = EntityTagAssignment(schema, "team", "schemas", tag_value="trains")
    assert tags.update("schemas", schema, "team", changed, "tag_value").tag_value == "trains"
    assert [(tag.tag_key, tag.tag_value) for tag in tags.list("schemas", schema)] == [("team", "trains")]
    with pytest.raises(PermissionDenied):
        assign(person.client, "catalogs", catalog, "mine")
    sandbox.grant("dev", "CATALOG", catalog, person.name, "APPLY_TAG")
    assign(person.client, "catalogs", catalog, "mine")
    tags.delete("schemas", schema, "team")
    for missing in (tags.get, tags.delete):
        with pytest.raises(NotFound):
            missing("schemas", schema, "team")


def test_a_tag_is_short_plain_and_one_of_fifty(sandbox: Sandbox) -> None:
    schema, admin = sandbox.schema("dev"), sandbox.client("dev")
    for key, value in (("a.b", ""), ("a-b", ""), ("a:b", ""), ("k" * 257, ""), ("k", "v" * 257)):
        with pytest.raises(InvalidParameterValue):
            assign(admin, "schemas", schema, key, value)
    for number in range(50):
        assign(admin, "schemas", schema, f"k{number}")
    with pytest.raises(InvalidParameterValue, match="At most 50"):
        assign(admin, "schemas", schema, "one_more")
    with pytest.raises(InvalidParameterValue, match="entity type"):
        assign(admin, "notebooks", schema, "k")


def test_a_name_has_at_most_255_plain_characters(sandbox: Sandbox) -> None:
    catalog, admin = sandbox.schema("dev").partition(".")[0], sandbox.client("dev")
    assert admin.schemas.create("s" * 255, catalog).name == "s" * 255
    for name in ("s" * 256, "two words", "a.b", "a/b", "a\x07b"):
        with pytest.raises(InvalidParameterValue, match="Valid names cannot contain"):
            admin.schemas.create(name, catalog)


def test_the_tags_of_a_model_are_those_of_its_registry(sandbox: Sandbox) -> None:
    model, admin = f"{sandbox.schema('dev')}.m", sandbox.client("dev")
    sandbox.version("dev", model)
    tag = {"name": model, "key": "team", "value": "bikes"}
    assert sandbox.call("dev", "POST", f"{MLFLOW}/registered-models/set-tag", json=tag).ok
    assert admin.entity_tag_assignments.get("models", model, "team").tag_value == "bikes"
    assign(admin, "models", model, "tier", "gold")
    told = sandbox.call("dev", "GET", f"{MLFLOW}/registered-models/get", params={"name": model}).json()
    assert {"key": "tier", "value": "gold"} in told["registered_model"]["tags"]
    refused = {**tag, "version": "1", "key": "a.b"}
    assert sandbox.call("dev", "POST", f"{MLFLOW}/model-versions/set-tag", json=refused).status_code == 400
