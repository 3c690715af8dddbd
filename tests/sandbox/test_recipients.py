"""Recipients of one metastore are providers of another: one for each sharing identifier, and `self` for the own one."""

import pytest
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.sharing import AuthenticationType

from tests.sandbox.running import Sandbox, Unique
from tests.sandbox.sharing import (
    added,
    ensure_recipient,
    grant_on_metastore,
    mount,
    provider_name,
    selecting,
    share_model,
)


@pytest.fixture(scope="module")
def model(sandbox: Sandbox) -> str:
    """A model of A's admin with one READY version."""
    name = f"{sandbox.schema('dev')}.m"
    sandbox.version("dev", name)
    return name


def test_one_recipient_for_a_metastore_and_none_for_the_own_one(sandbox: Sandbox, unique: Unique) -> None:
    admin, name = sandbox.client("dev"), ensure_recipient(sandbox)
    identifiers = {workspace: known["global_metastore_id"] for workspace, known in sandbox.workspaces.items()}
    databricks = AuthenticationType.DATABRICKS
    for identifier, code in (
        (identifiers["prod"], "RECIPIENT_ALREADY_EXISTS"),
        (identifiers["dev"], "INVALID_PARAMETER_VALUE"),
        ("aws:us-east-1", "INVALID_PARAMETER_VALUE"),
    ):
        with pytest.raises(BadRequest) as refused:
            admin.recipients.create(unique("r"), databricks, data_recipient_global_metastore_id=identifier)
        assert refused.value.error_code == code
    [found] = admin.recipients.list(data_recipient_global_metastore_id=identifiers["prod"])
    assert (found.name, found.cloud) == (name, "azure")
    assert admin.recipients.get("self").data_recipient_global_metastore_id == identifiers["dev"]
    with pytest.raises(DatabricksError, match="no recipients of type TOKEN"):
        admin.recipients.create(unique("r"), AuthenticationType.TOKEN)


def test_a_partner_whose_workspace_is_not_here_can_be_a_recipient(sandbox: Sandbox, model: str, unique: Unique) -> None:
    admin, name = sandbox.client("dev"), unique("partner")
    identifier = "gcp:europe-west1:5ba960af-ef1e-49c2-add9-438009bfd87d"
    admin.recipients.create(name, AuthenticationType.DATABRICKS, data_recipient_global_metastore_id=identifier)
    share = share_model(sandbox, model)
    admin.shares.update_permissions(share, changes=selecting(name))
    assert {entry.principal for entry in admin.shares.share_permissions(share).privilege_assignments} == {
        name,
        ensure_recipient(sandbox),
    }
    [held] = admin.recipients.share_permissions(name).permissions_out
    assert held.share_name == share
    admin.recipients.delete(name)
    [left] = admin.shares.share_permissions(share).privilege_assignments
    assert left.principal == ensure_recipient(sandbox)


def test_recipients_of_another_account_need_external_sharing(pliable_sandbox: Sandbox, unique: Unique) -> None:
    admin, partner = pliable_sandbox.client("dev"), "gcp:europe-west1:6ba960af-ef1e-49c2-add9-438009bfd87d"
    with pliable_sandbox.switched(external_sharing=False):
        assert admin.metastores.summary().delta_sharing_scope.value == "INTERNAL"
        with pytest.raises(BadRequest) as refused:
            admin.recipients.create(
                unique("r"), AuthenticationType.DATABRICKS, data_recipient_global_metastore_id=partner
            )
        assert refused.value.error_code == "FEATURE_DISABLED"


def test_providers_are_there_for_those_who_may_use_them(sandbox: Sandbox, model: str, unique: Unique) -> None:
    share = share_model(sandbox, model)
    mount(sandbox, share)
    person, name = sandbox.person("prod"), provider_name(sandbox)
    assert list(person.client.providers.list()) == []
    with pytest.raises(PermissionDenied):
        person.client.providers.get(name)
    grant_on_metastore(sandbox, person, "USE_PROVIDER")
    assert person.client.providers.get(name).cloud == "aws"
    with pytest.raises(PermissionDenied):
        person.client.catalogs.create(unique("c"), provider_name=name, share_name=share)
    grant_on_metastore(sandbox, person, "CREATE_CATALOG")
    for provider, missing, code in (
        (name, "nothing", "SHARE_DOES_NOT_EXIST"),
        ("nobody", share, "PROVIDER_DOES_NOT_EXIST"),
    ):
        with pytest.raises(NotFound) as refused:
            person.client.catalogs.create(unique("c"), provider_name=provider, share_name=missing)
        assert refused.value.error_code == code
    catalog = person.client.catalogs.create(unique("c"), provider_name=name, share_name=share).name
    with pytest.raises(BadRequest) as taken:
        person.client.catalogs.create(catalog, provider_name=name, share_name=share)
    assert taken.value.error_code == "CATALOG_ALREADY_EXISTS"
    assert person.client.catalogs.get(catalog).owner == person.name


def test_two_workspaces_of_one_metastore_share_through_self(pliable_sandbox: Sandbox, unique: Unique) -> None:
    sandbox, share, catalog = pliable_sandbox, unique("share"), unique("mounted")
    model = f"{sandbox.schema('dev')}.m"
    sandbox.version("dev", model)
    admin, beside = sandbox.client("dev"), sandbox.client("test")
    admin.shares.create(share)
    admin.shares.update(share, updates=added(model, string_shared_as="models.m"))
    assert share not in [found.name for found in beside.providers.list_shares("self")]
    admin.shares.update_permissions(share, changes=selecting("self"))
    assert share in [found.name for found in beside.providers.list_shares("self")]
    beside.catalogs.create(catalog, provider_name="self", share_name=share)
    assert beside.model_versions.get(f"{catalog}.models.m", 1).status.value == "READY"
