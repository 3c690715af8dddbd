"""Tables and functions beside models: made, granted, shared, and what a shared model needs of them."""

from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.errors import NotFound, PermissionDenied
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import DataSourceFormat, TableType

from tests.sandbox.running import Sandbox, Unique
from tests.sandbox.serving.endpoints import create, entity, settled
from tests.sandbox.sharing import (
    added,
    ensure_recipient,
    make_function,
    make_table,
    mount,
    provider_name,
    selecting,
    wait_for,
)

MLFLOW = "/api/2.0/mlflow/unity-catalog"


@pytest.fixture(scope="module")
def schema(sandbox: Sandbox) -> str:
    """A schema of A's admin with a table `t` and a function `f`."""
    name, admin = sandbox.schema("dev"), sandbox.client("dev")
    make_table(admin, f"{name}.t")
    make_function(admin, f"{name}.f")
    return name


def test_tables_and_functions_are_made_read_granted_and_dropped(sandbox: Sandbox, schema: str) -> None:
    admin, person, catalog = sandbox.client("dev"), sandbox.person("dev"), schema.partition(".")[0]
    assert [table.full_name for table in admin.tables.list(catalog, "s")] == [f"{schema}.t"]
    assert [column.name for column in admin.tables.get(f"{schema}.t").columns] == ["id"]
    assert [function.full_name for function in admin.functions.list(catalog, "s")] == [f"{schema}.f"]
    assert admin.functions.get(f"{schema}.f").routine_definition == "SELECT 1"
    refused: list[Callable[[], Any]] = [
        lambda: person.client.tables.get(f"{schema}.t"),
        lambda: person.client.functions.get(f"{schema}.f"),
        lambda: person.client.functions.delete(f"{schema}.f"),
        lambda: person.client.tables.delete(f"{schema}.t"),
    ]
    for call in refused:
        with pytest.raises(PermissionDenied):
            call()
    assert not person.client.tables.exists(f"{schema}.t").table_exists
    sandbox.grant("dev", "CATALOG", catalog, person.name, "USE_CATALOG", "USE_SCHEMA")
    sandbox.grant("dev", "TABLE", f"{schema}.t", person.name, "SELECT")
    sandbox.grant("dev", "FUNCTION", f"{schema}.f", person.name, "EXECUTE")
    assert person.client.tables.get(f"{schema}.t").table_type is TableType.EXTERNAL
    assert person.client.tables.exists(f"{schema}.t").table_exists
    assert person.client.functions.get(f"{schema}.f").full_data_type == "INT"
    make_table(admin, f"{schema}.gone")
    make_function(admin, f"{schema}.gone")
    admin.tables.delete(f"{schema}.gone")
    admin.functions.delete(f"{schema}.gone")
    with pytest.raises(NotFound) as missing:
        admin.tables.get(f"{schema}.gone")
    assert missing.value.error_code == "TABLE_DOES_NOT_EXIST"
    with pytest.raises(NotFound):
        admin.functions.get(f"{schema}.gone")


def test_a_table_is_made_only_with_what_was_granted_for_it_and_names_are_taken_once(
    sandbox: Sandbox, schema: str
) -> None:
    admin, person, catalog = sandbox.client("dev"), sandbox.person("dev"), schema.partition(".")[0]
    sandbox.grant("dev", "CATALOG", catalog, person.name, "USE_CATALOG", "USE_SCHEMA", "ALL_PRIVILEGES")
    place = ("mine", catalog, "s", TableType.EXTERNAL, DataSourceFormat.DELTA, "s3://tables/mine")
    with pytest.raises(PermissionDenied, match="EXTERNAL USE SCHEMA"):
        person.client.tables.create(*place)
    with pytest.raises(DatabricksError, match="external Delta"):
        admin.tables.create("mine", catalog, "s", TableType.MANAGED, DataSourceFormat.DELTA, "s3://tables/mine")
    with pytest.raises(DatabricksError) as again:
        make_table(admin, f"{schema}.t")
    assert again.value.error_code == "TABLE_ALREADY_EXISTS"
    with pytest.raises(DatabricksError) as taken:
        admin.registered_models.create(catalog_name=catalog, schema_name="s", name="f")
    assert taken.value.error_code == "RESOURCE_ALREADY_EXISTS"


def test_shared_tables_and_functions_are_seen_in_the_other_metastore(
    sandbox: Sandbox, schema: str, unique: Unique
) -> None:
    admin, share = sandbox.client("dev"), unique("share")
    admin.shares.create(share)
    wrong = (
        (added(f"{schema}.t", "TABLE", string_shared_as="features.t"), "INVALID_PARAMETER_VALUE"),
        (added(f"{schema}.f", "FUNCTION", shared_as="features.f"), "INVALID_PARAMETER_VALUE"),
        (added(f"{schema}.missing", "TABLE"), "TABLE_DOES_NOT_EXIST"),
        (added(f"{schema}.missing", "FUNCTION"), "RESOURCE_DOES_NOT_EXIST"),
    )
    for update, code in wrong:
        with pytest.raises(DatabricksError) as refused:
            admin.shares.update(share, updates=update)
        assert refused.value.error_code == code
    both = [*added(f"{schema}.t", "TABLE", shared_as="features.t"), *added(f"{schema}.f", "FUNCTION")]
    admin.shares.update(share, updates=both)
    with pytest.raises(DatabricksError, match="Shared Table"):
        admin.shares.update(share, updates=added(f"{schema}.t", "TABLE"))
    table, function = admin.shares.get(share, include_shared_data=True).objects
    assert (table.shared_as, table.string_shared_as) == ("features.t", None)
    assert (function.shared_as, function.string_shared_as) == (None, "s.f")

    admin.shares.update_permissions(share, changes=selecting(ensure_recipient(sandbox)))
    catalog, consumer = mount(sandbox, share), sandbox.client("prod")
    assets = consumer.providers.list_provider_share_assets(provider_name(sandbox), share)
    assert [(one.schema, one.name) for one in assets.tables] == [("features", "t")]
    assert [(one.name, one.securable_kind.value) for one in assets.functions] == [("f", "FUNCTION_STANDARD")]
    assert sorted(found.name for found in consumer.schemas.list(catalog)) == ["features", "s"]
    assert consumer.tables.get(f"{catalog}.features.t").data_source_format is DataSourceFormat.DELTASHARING
    assert [found.name for found in consumer.tables.list(catalog, "features")] == ["t"]
    assert consumer.functions.get(f"{catalog}.s.f").routine_definition == "SELECT 1"
    with pytest.raises(PermissionDenied):
        consumer.tables.delete(f"{catalog}.features.t")


def test_a_shared_model_is_served_only_when_what_it_depends_on_is_shared_too(
    sandbox: Sandbox, schema: str, unique: Unique
) -> None:
    admin, share, model = sandbox.client("dev"), unique("share"), f"{schema}.{unique('m')}"
    version = make_dependent(sandbox, model, f"{schema}.t", f"{schema}.f")
    told = admin.model_versions.get(model, version).model_version_dependencies.dependencies
    assert [one.table.table_full_name for one in told if one.table] == [f"{schema}.t"]
    assert [one.function.function_full_name for one in told if one.function] == [f"{schema}.f"]
    [listed] = admin.model_versions.list(model)
    assert listed.model_version_dependencies is None

    admin.shares.create(share)
    admin.shares.update(share, updates=[*added(model, string_shared_as="s.m"), *added(f"{schema}.f", "FUNCTION")])
    admin.shares.update_permissions(share, changes=selecting(ensure_recipient(sandbox)))
    catalog, consumer, endpoint = mount(sandbox, share), sandbox.client("prod"), unique("endpoint")
    create(consumer, endpoint, entity(f"{catalog}.s.m", version))
    assert settled(consumer, endpoint).state.config_update.value == "UPDATE_FAILED"
    logs = consumer.serving_endpoints.build_logs(endpoint, f"v{version}").logs
    assert f"depends on {schema}.t, which its share does not hold" in logs
    consumer.serving_endpoints.delete(endpoint)

    admin.shares.update(share, updates=added(f"{schema}.t", "TABLE"))
    wait_for(lambda: list(consumer.tables.list(catalog, "s")))
    create(consumer, endpoint, entity(f"{catalog}.s.m", version))
    # It could not be loaded (there is nothing in it), but its image is built.
    wait_for(lambda: "image was built" in consumer.serving_endpoints.build_logs(endpoint, f"v{version}").logs)
    consumer.serving_endpoints.delete(endpoint)


def make_dependent(sandbox: Sandbox, model: str, table: str, function: str) -> int:
    """A READY version that depends on the two, over the calls that mlflow makes."""
    sandbox.call("dev", "POST", f"{MLFLOW}/registered-models/create", json={"name": model})
    needs = [{"type": "DATABRICKS_TABLE", "name": table}, {"type": "DATABRICKS_UC_FUNCTION", "name": function}]
    source = {"name": model, "source": "dbfs:/somewhere", "model_version_dependencies": needs}
    made = sandbox.call("dev", "POST", f"{MLFLOW}/model-versions/create", json=source).json()
    known = {"name": model, "version": made["model_version"]["version"]}
    file = f"/api/2.0/fs/files/Models/{model.replace('.', '/')}/{known['version']}/MLmodel"
    assert sandbox.call("dev", "PUT", file, data=b"flavors: {}").status_code == 204
    assert sandbox.call("dev", "POST", f"{MLFLOW}/model-versions/finalize", json=known).status_code == 200
    return int(known["version"])
