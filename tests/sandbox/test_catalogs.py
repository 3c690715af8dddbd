"""Catalogs, schemas, volumes and what was granted on them, by the SDK; a stranger sees nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.service.catalog import PermissionsChange, Privilege, VolumeType

from tests.sandbox.running import Sandbox, Unique


def test_a_stranger_sees_nothing(sandbox: Sandbox) -> None:
    schema = sandbox.schema("dev")
    catalog = schema.partition(".")[0]
    sandbox.version("dev", f"{schema}.m")
    stranger = sandbox.person("dev").client
    assert list(stranger.catalogs.list()) == []
    assert list(stranger.registered_models.list()) == []
    forbidden: list[Callable[[], Any]] = [
        lambda: stranger.catalogs.get(catalog),
        lambda: list(stranger.schemas.list(catalog)),
        lambda: stranger.schemas.get(schema),
        lambda: stranger.registered_models.get(f"{schema}.m"),
        lambda: list(stranger.model_versions.list(f"{schema}.m")),
        lambda: stranger.model_versions.get(f"{schema}.m", 1),
        lambda: stranger.files.download(f"/Models/{schema.replace('.', '/')}/m/1/MLmodel"),
        lambda: stranger.catalogs.create("mine"),
        lambda: stranger.schemas.create("mine", catalog),
    ]
    for call in forbidden:
        with pytest.raises(PermissionDenied):
            call()


def test_each_privilege_opens_exactly_its_door(sandbox: Sandbox, unique: Unique) -> None:
    person = sandbox.person("dev")
    schema = sandbox.schema("dev")
    catalog = schema.partition(".")[0]
    with pytest.raises(PermissionDenied, match="USE CATALOG"):
        person.client.schemas.get(schema)
    sandbox.grant("dev", "CATALOG", catalog, person.name, "USE_CATALOG")
    assert [one.name for one in person.client.catalogs.list()] == [catalog]
    with pytest.raises(PermissionDenied, match="USE SCHEMA"):
        person.client.schemas.get(schema)
    with pytest.raises(PermissionDenied, match="CREATE SCHEMA"):
        person.client.schemas.create("other", catalog)
    sandbox.grant("dev", "CATALOG", catalog, person.name, "CREATE_SCHEMA")
    own = person.client.schemas.create("other", catalog)
    assert own.owner == person.name
    volume = person.client.volumes.create(catalog, "other", "v", VolumeType.MANAGED)
    assert volume.full_name == f"{catalog}.other.v"


def test_the_metastores_privileges_are_granted_on_the_metastore(sandbox: Sandbox, unique: Unique) -> None:
    person = sandbox.person("dev")
    metastore = person.client.metastores.summary()
    with pytest.raises(PermissionDenied, match="CREATE CATALOG"):
        person.client.catalogs.create(unique("c"))
    sandbox.grant("dev", "METASTORE", metastore.metastore_id, person.name, "CREATE_CATALOG")
    made = person.client.catalogs.create(unique("c"))
    assert made.owner == person.name
    assert {one.name for one in person.client.schemas.list(made.name)} == {"default"}


def test_granting_is_for_owners(sandbox: Sandbox) -> None:
    person, other = sandbox.person("dev"), sandbox.person("dev")
    schema = sandbox.schema("dev")
    change = [PermissionsChange(principal=other.name, add=[Privilege.USE_SCHEMA])]
    sandbox.grant("dev", "CATALOG", schema.partition(".")[0], person.name, "USE_CATALOG", "USE_SCHEMA")
    with pytest.raises(PermissionDenied):
        person.client.grants.update("SCHEMA", schema, changes=change)
    sandbox.grant("dev", "SCHEMA", schema, person.name, "MANAGE")
    granted = person.client.grants.update("SCHEMA", schema, changes=change).privilege_assignments
    assert {one.principal: one.privileges for one in granted}[other.name] == [Privilege.USE_SCHEMA]


def test_ownership_can_be_handed_over(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    schema = sandbox.schema("dev")
    sandbox.client("dev").schemas.update(schema, owner=person.name)
    with pytest.raises(PermissionDenied, match="USE CATALOG"):
        person.client.volumes.create(*schema.split("."), "v", VolumeType.MANAGED)
    sandbox.grant("dev", "CATALOG", schema.partition(".")[0], person.name, "USE_CATALOG")
    person.client.volumes.create(*schema.split("."), "v", VolumeType.MANAGED)


def test_effective_permissions_name_where_they_come_from(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    schema = sandbox.schema("dev", person)
    effective = sandbox.client("dev").grants.get_effective("SCHEMA", schema, principal=person.name)
    found = {one.privilege: one.inherited_from_name for one in effective.privilege_assignments[0].privileges}
    assert found[Privilege.USE_SCHEMA] == schema.partition(".")[0]
    assert not sandbox.client("dev").grants.get("SCHEMA", schema, principal=person.name).privilege_assignments


def test_what_others_were_granted_is_told_to_those_who_manage_the_object(sandbox: Sandbox) -> None:
    person, other = sandbox.person("dev"), sandbox.person("dev")
    schema = sandbox.schema("dev", person)
    for grantee in (person.name, other.name, "account users"):
        sandbox.grant("dev", "SCHEMA", schema, grantee, "EXECUTE")
    for told in (person.client.grants.get, person.client.grants.get_effective):
        assert {one.principal for one in told("SCHEMA", schema).privilege_assignments} == {person.name, "account users"}
        with pytest.raises(PermissionDenied):
            told("SCHEMA", schema, principal=other.name)
        with pytest.raises(InvalidParameterValue, match="at least 150"):
            told("SCHEMA", schema, max_results=149)


def test_grants_that_make_no_sense_are_refused(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    schema, admin = sandbox.schema("dev"), sandbox.client("dev")
    both = PermissionsChange(principal=person.name, add=[Privilege.USE_SCHEMA], remove=[Privilege.USE_SCHEMA])
    with pytest.raises(InvalidParameterValue, match="Duplicate privileges"):
        admin.grants.update("SCHEMA", schema, changes=[both])
    with pytest.raises(InvalidParameterValue, match="not applicable"):
        admin.grants.update(
            "SCHEMA", schema, changes=[PermissionsChange(principal=person.name, add=[Privilege.USE_CATALOG])]
        )
    with pytest.raises(NotFound) as nobody:
        admin.grants.update("SCHEMA", schema, changes=[PermissionsChange(principal="nobody", add=[Privilege.MANAGE])])
    assert nobody.value.error_code == "PRINCIPAL_DOES_NOT_EXIST"


def test_what_is_there_already_says_so_and_what_is_full_is_not_dropped(sandbox: Sandbox) -> None:
    schema, admin = sandbox.schema("dev"), sandbox.client("dev")
    catalog, name = schema.split(".")
    refusals: list[tuple[Callable[[], Any], str]] = [
        (lambda: admin.catalogs.create(catalog), "CATALOG_ALREADY_EXISTS"),
        (lambda: admin.schemas.create(name.upper(), catalog.upper()), "SCHEMA_ALREADY_EXISTS"),
        (lambda: admin.catalogs.delete(catalog), "CATALOG_NOT_EMPTY"),
    ]
    for call, code in refusals:
        with pytest.raises(BadRequest) as refused:
            call()
        assert refused.value.error_code == code
    admin.volumes.create(catalog, name, "v", VolumeType.MANAGED)
    with pytest.raises(BadRequest) as refused:
        admin.schemas.delete(schema)
    assert refused.value.error_code == "SCHEMA_NOT_EMPTY"
    admin.catalogs.delete(catalog, force=True)
    with pytest.raises(NotFound):
        admin.catalogs.get(catalog)


def test_a_name_is_free_of_old_grants_after_its_object_is_gone(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    schema, admin = sandbox.schema("dev", person), sandbox.client("dev")
    catalog = schema.partition(".")[0]
    admin.catalogs.delete(catalog, force=True)
    admin.catalogs.create(catalog)
    with pytest.raises(PermissionDenied):
        person.client.catalogs.get(catalog)


def test_missing_parents_are_named(sandbox: Sandbox, unique: Unique) -> None:
    admin = sandbox.client("dev")
    with pytest.raises(NotFound) as missing:
        admin.schemas.get(f"{unique('none')}.s")
    assert missing.value.error_code == "CATALOG_DOES_NOT_EXIST"
    catalog = sandbox.schema("dev").partition(".")[0]
    with pytest.raises(NotFound) as missing:
        admin.volumes.create(catalog, "none", "v", VolumeType.MANAGED)
    assert missing.value.error_code == "SCHEMA_DOES_NOT_EXIST"
