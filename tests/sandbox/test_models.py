"""The registry in both dialects: models, versions, aliases, tags, and who may touch them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied, ResourceAlreadyExists

from tests.sandbox.running import Person, Sandbox

MLFLOW = "/api/2.0/mlflow/unity-catalog"


@pytest.fixture
def person(sandbox: Sandbox) -> Person:
    return sandbox.person("dev")


@pytest.fixture
def name(sandbox: Sandbox, person: Person) -> str:
    """A model of the person with two ready versions."""
    full_name = f"{sandbox.schema('dev', person)}.m"
    assert [sandbox.version("dev", full_name, person.token) for _ in range(2)] == [1, 2]
    return full_name


def test_aliases_are_told_only_when_asked_for(person: Person, name: str) -> None:
    models, versions = person.client.registered_models, person.client.model_versions
    models.set_alias(name, "prod", 1)
    assert not models.get(name).aliases
    told = models.get(name, include_aliases=True).aliases
    assert [(one.alias_name, one.version_num) for one in told] == [("prod", 1)]
    assert not versions.get(name, 1).aliases
    assert [one.alias_name for one in versions.get(name, 1, include_aliases=True).aliases] == ["prod"]
    assert versions.get_by_alias(name, "prod").version == 1
    assert not any(one.aliases for one in versions.list(name))
    models.set_alias(name, "prod", 2)
    assert versions.get_by_alias(name, "prod").version == 2
    models.delete_alias(name, "prod")
    with pytest.raises(NotFound):
        versions.get_by_alias(name, "prod")


def test_a_deleted_version_takes_its_aliases_along_and_its_number_never_comes_again(
    sandbox: Sandbox, person: Person, name: str
) -> None:
    person.client.registered_models.set_alias(name, "prod", 2)
    person.client.model_versions.delete(name, 2)
    assert person.client.registered_models.get(name, include_aliases=True).aliases == []
    with pytest.raises(NotFound) as missing:
        person.client.model_versions.get(name, 2)
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert sandbox.version("dev", name, person.token) == 3


def test_both_dialects_speak_of_the_same_model(sandbox: Sandbox, person: Person, name: str) -> None:
    tag = {"name": name, "version": "2", "key": "digest", "value": "abc"}
    assert sandbox.call("dev", "POST", f"{MLFLOW}/model-versions/set-tag", token=person.token, json=tag).ok
    alias = {"name": name, "alias": "prod", "version": "2"}
    assert sandbox.call("dev", "POST", f"{MLFLOW}/registered-models/alias", token=person.token, json=alias).ok
    query = {"name": name, "version": "2"}
    told = sandbox.call("dev", "GET", f"{MLFLOW}/model-versions/get", token=person.token, params=query).json()
    assert told["model_version"]["tags"] == [{"key": "digest", "value": "abc"}]
    assert told["model_version"]["status"] == "READY"
    native = f"/api/2.1/unity-catalog/models/{name}/versions/2"
    assert sandbox.call("dev", "GET", native, token=person.token).json()["tags"] == [{"key": "digest", "value": "abc"}]
    assert person.client.model_versions.get_by_alias(name, "prod").version == 2
    bare = {key: value for key, value in tag.items() if key != "value"}
    assert sandbox.call("dev", "DELETE", f"{MLFLOW}/model-versions/delete-tag", token=person.token, json=bare).ok
    assert sandbox.call("dev", "GET", native, token=person.token).json()["tags"] == []


def test_with_execute_one_reads_and_changes_nothing(sandbox: Sandbox, name: str) -> None:
    reader = sandbox.person("dev")
    sandbox.grant("dev", "CATALOG", name.partition(".")[0], reader.name, "USE_CATALOG", "USE_SCHEMA")
    with pytest.raises(PermissionDenied, match=r"EXECUTE on Routine or Model"):
        reader.client.model_versions.get(name, 1)
    assert list(reader.client.registered_models.list()) == []
    sandbox.grant("dev", "FUNCTION", name, reader.name, "EXECUTE")
    assert reader.client.model_versions.get(name, 1).status.value == "READY"
    assert [one.full_name for one in reader.client.registered_models.list()] == [name]
    refusals: list[Callable[[], Any]] = [
        lambda: reader.client.registered_models.set_alias(name, "prod", 1),
        lambda: reader.client.registered_models.update(name, comment="mine"),
        lambda: reader.client.model_versions.update(name, 1, comment="mine"),
        lambda: reader.client.model_versions.delete(name, 1),
        lambda: reader.client.registered_models.delete(name),
    ]
    for refused in refusals:
        with pytest.raises(PermissionDenied):
            refused()
    made = {"name": name, "source": "dbfs:/x"}
    assert (
        sandbox.call("dev", "POST", f"{MLFLOW}/model-versions/create", token=reader.token, json=made).status_code == 403
    )


def test_a_version_without_its_files_is_pending(sandbox: Sandbox, person: Person, name: str) -> None:
    made = {"name": name, "source": "dbfs:/x"}
    answer = sandbox.call("dev", "POST", f"{MLFLOW}/model-versions/create", token=person.token, json=made).json()
    number = int(answer["model_version"]["version"])
    assert person.client.model_versions.get(name, number).status.value == "PENDING_REGISTRATION"


def test_a_model_is_made_once_and_gone_with_all_its_versions(sandbox: Sandbox, person: Person, name: str) -> None:
    catalog, schema, model = name.split(".")
    with pytest.raises(ResourceAlreadyExists):
        person.client.registered_models.create(catalog_name=catalog, schema_name=schema, name=model)
    person.client.registered_models.update(name, comment="of bikes")
    assert person.client.registered_models.get(name).comment == "of bikes"
    person.client.registered_models.delete(name)
    with pytest.raises(NotFound):
        person.client.registered_models.get(name)
    person.client.registered_models.create(catalog_name=catalog, schema_name=schema, name=model)
    assert list(person.client.model_versions.list(name)) == []


def test_making_a_model_needs_the_right_on_the_schema(sandbox: Sandbox, person: Person) -> None:
    schema = sandbox.schema("dev")
    catalog, name = schema.split(".")
    sandbox.grant("dev", "CATALOG", catalog, person.name, "USE_CATALOG", "USE_SCHEMA")
    with pytest.raises(PermissionDenied, match="CREATE MODEL"):
        person.client.registered_models.create(catalog_name=catalog, schema_name=name, name="m")
    sandbox.grant("dev", "SCHEMA", schema, person.name, "CREATE_FUNCTION")
    person.client.registered_models.create(catalog_name=catalog, schema_name=name, name="m")


def test_who_manages_a_model_may_drop_it_and_writes_no_version_alias_or_comment(
    sandbox: Sandbox, person: Person, name: str
) -> None:
    manager, (catalog, _, _) = sandbox.person("dev"), name.split(".")
    sandbox.grant("dev", "CATALOG", catalog, manager.name, "USE_CATALOG", "USE_SCHEMA")
    sandbox.grant("dev", "FUNCTION", name, manager.name, "MANAGE", "ALL_PRIVILEGES")
    models, made = manager.client.registered_models, {"name": name, "source": "dbfs:/x"}
    with pytest.raises(PermissionDenied, match="not an owner"):
        models.set_alias(name, "prod", 1)
    with pytest.raises(PermissionDenied, match="not an owner"):
        models.update(name, comment="mine")
    answer = sandbox.call("dev", "POST", f"{MLFLOW}/model-versions/create", token=manager.token, json=made)
    assert answer.status_code == 403
    models.update(name, owner=manager.name)
    models.delete(name)


def test_versions_come_in_pages_also_for_who_does_not_ask_for_them(sandbox: Sandbox, person: Person, name: str) -> None:
    found = [one.version for one in person.client.model_versions.list(name, max_results=1)]
    assert sorted(found) == [1, 2]
    first = sandbox.call("dev", "GET", f"/api/2.1/unity-catalog/models/{name}/versions").json()
    assert list(first) == ["next_page_token"]


def test_a_catalog_is_listed_with_its_schema_or_not_at_all(person: Person, name: str) -> None:
    catalog, schema, _ = name.split(".")
    with pytest.raises(InvalidParameterValue, match="schema_name"):
        list(person.client.registered_models.list(catalog_name=catalog))
    with pytest.raises(InvalidParameterValue, match="catalog_name"):
        list(person.client.registered_models.list(schema_name=schema))
    assert [one.name for one in person.client.registered_models.list(catalog_name=catalog, schema_name=schema)] == ["m"]


def test_mlflows_native_client_registers_aliases_tags_copies_and_loads(sandbox: Sandbox, person: Person) -> None:
    schema = sandbox.schema("dev", person)
    script = Path(__file__).with_name("play_native_registry.py")
    assert "played" in sandbox.run_script(script, "dev", schema, token=person.token)
