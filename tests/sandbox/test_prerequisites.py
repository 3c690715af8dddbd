"""What a preflight looks at, by the unmodified SDK: entitlements, sharing scope, warehouses, runtimes, own tokens."""

from typing import Any

import pytest
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.catalog import DeltaSharingScopeEnum
from databricks.sdk.service.iam import Patch, PatchOp, PatchSchema
from databricks.sdk.service.sql import WarehouseAccessControlRequest, WarehousePermissionLevel

from tests.sandbox.running import Sandbox, Unique

PATCH = [PatchSchema.URN_IETF_PARAMS_SCIM_API_MESSAGES_2_0_PATCH_OP]


def entitlements(answer: Any) -> list[str]:
    return [one.value for one in answer.entitlements or []]


def test_an_entitlement_is_given_by_the_admin_and_told_to_its_holder_and_to_admins(
    sandbox: Sandbox, unique: Unique
) -> None:
    admin, other = sandbox.client("dev"), sandbox.person("dev")
    made = admin.service_principals.create(display_name=unique("bare"))
    assert entitlements(made) == []
    give = [Patch(op=PatchOp.ADD, path="entitlements", value=[{"value": "workspace-access"}])]
    with pytest.raises(PermissionDenied):
        other.client.service_principals.patch(made.id, operations=give, schemas=PATCH)

    admin.service_principals.patch(made.id, operations=give, schemas=PATCH)

    assert entitlements(admin.service_principals.get(made.id)) == ["workspace-access"]
    assert entitlements(other.client.service_principals.get(made.id)) == []
    assert entitlements(other.client.current_user.me()) == ["workspace-access"]
    unknown = [Patch(op=PatchOp.ADD, path="entitlements", value=[{"value": "everything"}])]
    with pytest.raises(BadRequest):
        admin.service_principals.patch(made.id, operations=unknown, schemas=PATCH)


def test_a_metastores_sharing_scope_is_the_admins_to_switch(sandbox: Sandbox) -> None:
    admin, person = sandbox.client("prod"), sandbox.person("prod")
    metastore = admin.metastores.summary()
    with pytest.raises(PermissionDenied):
        person.client.metastores.update(metastore.metastore_id, delta_sharing_scope=DeltaSharingScopeEnum.INTERNAL)
    for scope in (DeltaSharingScopeEnum.INTERNAL, DeltaSharingScopeEnum.INTERNAL_AND_EXTERNAL):
        admin.metastores.update(metastore.metastore_id, delta_sharing_scope=scope)
        assert person.client.metastores.summary().delta_sharing_scope is scope


def test_a_warehouse_is_seen_by_those_who_may_use_it(sandbox: Sandbox, unique: Unique) -> None:
    admin, person = sandbox.client("dev"), sandbox.person("dev")
    made = admin.warehouses.create(name=unique("wh"), cluster_size="2X-Small").response
    with pytest.raises(PermissionDenied):
        person.client.warehouses.get(made.id)
    use = WarehouseAccessControlRequest(
        service_principal_name=person.name, permission_level=WarehousePermissionLevel.CAN_USE
    )
    with pytest.raises(PermissionDenied):
        person.client.warehouses.update_permissions(made.id, access_control_list=[use])

    told = admin.warehouses.update_permissions(made.id, access_control_list=[use])

    assert [one.service_principal_name for one in told.access_control_list] == [person.name]
    assert person.client.warehouses.get(made.id).state.value == "STOPPED"
    with pytest.raises(NotFound):
        admin.warehouses.get("0123456789abcdef")


def test_runtimes_and_ones_own_tokens_are_listed(sandbox: Sandbox) -> None:
    person, other = sandbox.person("dev"), sandbox.person("dev")
    assert "17.3.x-scala2.13" in {one.key for one in person.client.clusters.spark_versions().versions}
    own = list(person.client.tokens.list())
    assert len(own) == 1
    assert own[0].expiry_time > own[0].creation_time
    assert own[0].token_id not in {one.token_id for one in other.client.tokens.list()}
