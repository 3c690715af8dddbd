"""Shares, recipients and providers across the link: who may show what to whom, and when it is seen."""

from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.errors import InvalidParameterValue, NotFound, PermissionDenied
from databricks.sdk.errors.base import DatabricksError
from databricks.sdk.service.catalog import PermissionsChange as GrantChange
from databricks.sdk.service.catalog import Privilege
from databricks.sdk.service.sharing import PermissionsChange, SharedDataObjectUpdateAction

from tests.sandbox.running import Sandbox, Unique
from tests.sandbox.sharing import (
    added,
    changed,
    ensure_recipient,
    grant_on_metastore,
    mount,
    provider_name,
    selecting,
    share_model,
    wait_for,
)


@pytest.fixture(scope="module")
def model(sandbox: Sandbox) -> str:
    """A model of A's admin with one READY version."""
    name = f"{sandbox.schema('dev')}.m"
    sandbox.version("dev", name)
    return name


def test_what_is_shared_and_granted_is_seen_in_the_other_metastore_and_can_be_read_there(
    sandbox: Sandbox, model: str
) -> None:
    share = share_model(sandbox, model)
    catalog, consumer = mount(sandbox, share), sandbox.client("prod")
    info = consumer.catalogs.get(catalog)
    assert (info.catalog_type.value, info.share_name) == ("DELTASHARING_CATALOG", share)
    assert [found.name for found in consumer.schemas.list(catalog)] == ["models"]
    [seen] = consumer.registered_models.list(catalog_name=catalog, schema_name="models")
    assert seen.full_name == f"{catalog}.models.m"
    version = consumer.model_versions.get(seen.full_name, 1)
    assert version.status.value == "READY"
    file = consumer.files.download(f"/Models/{catalog}/models/m/1/MLmodel")
    assert file.contents.read() == b"flavors: {}"


def test_the_assets_of_a_share_list_models_among_the_functions_with_their_aliases(sandbox: Sandbox, model: str) -> None:
    sandbox.client("dev").registered_models.set_alias(model, "prod", 1)
    share = share_model(sandbox, model)
    consumer, provider = sandbox.client("prod"), provider_name(sandbox)
    [asset] = wait_for(lambda: find_assets(consumer, provider, share))
    assert (asset.name, asset.schema, asset.securable_kind.value) == ("m", "models", "FUNCTION_REGISTERED_MODEL")
    assert [(alias.alias_name, alias.version_num) for alias in asset.aliases] == [("prod", 1)]


def find_assets(consumer: Any, provider: str, share: str) -> list[Any]:
    try:
        return list(consumer.providers.list_provider_share_assets(provider, share).functions or [])
    except NotFound:
        return []


def test_an_addition_is_seen_late_and_a_revoke_at_once(
    start_sandbox: Callable[..., Sandbox],
) -> None:
    sandbox = start_sandbox("--visibility-seconds", "3")
    model = f"{sandbox.schema('dev')}.m"
    sandbox.version("dev", model)
    share = share_model(sandbox, model)
    provider, consumer = provider_name(sandbox), sandbox.client("prod")
    assert list(consumer.providers.list_shares(provider)) == []
    with pytest.raises(NotFound) as unseen:
        consumer.catalogs.create("early", provider_name=provider, share_name=share)
    assert unseen.value.error_code == "SHARE_DOES_NOT_EXIST"
    catalog = mount(sandbox, share)
    consumer.model_versions.get(f"{catalog}.models.m", 1)

    sandbox.version("dev", model)
    with pytest.raises(NotFound):
        consumer.model_versions.get(f"{catalog}.models.m", 2)
    wait_for(lambda: len(list(consumer.model_versions.list(f"{catalog}.models.m"))) == 2)

    revoked = PermissionsChange(principal=ensure_recipient(sandbox), remove=["SELECT"])
    sandbox.client("dev").shares.update_permissions(share, changes=[revoked])
    with pytest.raises(NotFound):
        consumer.model_versions.get(f"{catalog}.models.m", 1)
    with pytest.raises(NotFound):
        consumer.files.download(f"/Models/{catalog}/models/m/1/MLmodel")
    assert list(consumer.providers.list_shares(provider)) == []


def test_a_shared_catalog_is_read_only_for_its_owner_too(sandbox: Sandbox, model: str) -> None:
    catalog = mount(sandbox, share_model(sandbox, model))
    consumer, shared = sandbox.client("prod"), f"{catalog}.models.m"
    writes: list[Callable[[], Any]] = [
        lambda: consumer.registered_models.set_alias(shared, "prod", 1),
        lambda: consumer.registered_models.update(shared, comment="mine"),
        lambda: consumer.registered_models.delete(shared),
        lambda: consumer.model_versions.delete(shared, 1),
        lambda: consumer.schemas.create("mine", catalog),
        lambda: consumer.registered_models.create(catalog_name=catalog, schema_name="models", name="mine"),
    ]
    for write in writes:
        with pytest.raises(PermissionDenied) as refused:
            write()
        assert refused.value.error_code == "PERMISSION_DENIED"
    answer = sandbox.call("prod", "PUT", f"/api/2.0/fs/files/Models/{catalog}/models/m/1/MLmodel", data=b"x")
    assert answer.status_code == 403


def test_what_was_granted_below_a_shared_catalog_goes_with_it(sandbox: Sandbox, model: str) -> None:
    catalog, person, admin = mount(sandbox, share_model(sandbox, model)), sandbox.person("prod"), sandbox.client("prod")
    known, shared = admin.catalogs.get(catalog), f"{catalog}.models.m"
    sandbox.grant("prod", "CATALOG", catalog, person.name, "USE_CATALOG", "USE_SCHEMA")
    sandbox.grant("prod", "FUNCTION", shared, person.name, "EXECUTE")
    assert person.client.registered_models.get(shared).name == "m"
    admin.catalogs.delete(catalog, force=True)
    admin.catalogs.create(catalog, provider_name=known.provider_name, share_name=known.share_name)
    sandbox.grant("prod", "CATALOG", catalog, person.name, "USE_CATALOG", "USE_SCHEMA")
    with pytest.raises(PermissionDenied, match="EXECUTE"):
        person.client.registered_models.get(shared)


def test_received_models_are_not_shared_again(sandbox: Sandbox, model: str, unique: Unique) -> None:
    catalog = mount(sandbox, share_model(sandbox, model))
    consumer, share = sandbox.client("prod"), unique("share")
    consumer.shares.create(share)
    with pytest.raises(InvalidParameterValue, match="cannot be shared again"):
        consumer.shares.update(share, updates=added(f"{catalog}.models.m"))


def test_a_model_is_added_once_whole_and_under_a_name_of_its_own(sandbox: Sandbox, model: str, unique: Unique) -> None:
    admin, share = sandbox.client("dev"), unique("share")
    admin.shares.create(share)
    admin.shares.update(share, updates=added(model))
    [entry] = admin.shares.get(share, include_shared_data=True).objects
    assert (entry.name, entry.string_shared_as) == (model, model.partition(".")[2])
    assert entry.status.value == "ACTIVE"
    assert not admin.shares.get(share).objects
    other = f"{model}_other"
    sandbox.version("dev", other)
    for update, code in (
        (added(model), "RESOURCE_ALREADY_EXISTS"),
        (added(other, string_shared_as=model.partition(".")[2]), "RESOURCE_ALREADY_EXISTS"),
        (added(other, string_shared_as="a-b.c"), "INVALID_PARAMETER_VALUE"),
        (added(other, shared_as="a.b"), "INVALID_PARAMETER_VALUE"),
        (added(f"{model}/1"), "INVALID_PARAMETER_VALUE"),
        (added(f"{model}_missing"), "RESOURCE_DOES_NOT_EXIST"),
        (added("main.absent.m"), "SCHEMA_DOES_NOT_EXIST"),
        (added("absent.s.m"), "CATALOG_DOES_NOT_EXIST"),
    ):
        with pytest.raises(DatabricksError) as refused:
            admin.shares.update(share, updates=update)
        assert refused.value.error_code == code
    admin.shares.update(share, updates=changed(SharedDataObjectUpdateAction.REMOVE, model))
    assert not admin.shares.get(share, include_shared_data=True).objects
    with pytest.raises(DatabricksError, match="only, not VOLUME"):
        admin.shares.update(share, updates=added("main.default.v", "VOLUME"))


def test_the_owner_of_a_share_needs_execute_for_as_long_as_a_model_is_shared(
    sandbox: Sandbox, model: str, unique: Unique
) -> None:
    person, share = sandbox.person("dev"), unique("share")
    with pytest.raises(PermissionDenied):
        person.client.shares.create(share)
    grant_on_metastore(sandbox, person, "CREATE_SHARE", "USE_RECIPIENT")
    person.client.shares.create(share)
    with pytest.raises(PermissionDenied):
        person.client.shares.update(share, updates=added(model))
    catalog = model.partition(".")[0]
    sandbox.grant("dev", "CATALOG", catalog, person.name, "USE_CATALOG", "USE_SCHEMA", "EXECUTE")
    person.client.shares.update(share, updates=added(model, string_shared_as="models.m"))
    person.client.shares.update_permissions(share, changes=selecting(ensure_recipient(sandbox)))
    shared, consumer = mount(sandbox, share), sandbox.client("prod")
    consumer.model_versions.get(f"{shared}.models.m", 1)

    lost = GrantChange(principal=person.name, remove=[Privilege.EXECUTE])
    sandbox.client("dev").grants.update("catalog", catalog, changes=[lost])
    [entry] = person.client.shares.get(share, include_shared_data=True).objects
    assert entry.status.value == "PERMISSION_DENIED"
    with pytest.raises(NotFound):
        consumer.model_versions.get(f"{shared}.models.m", 1)


def test_only_the_owner_changes_a_share_and_an_admin_only_its_owner(
    sandbox: Sandbox, model: str, unique: Unique
) -> None:
    person, share, admin = sandbox.person("dev"), unique("share"), sandbox.client("dev")
    grant_on_metastore(sandbox, person, "CREATE_SHARE")
    person.client.shares.create(share)
    with pytest.raises(PermissionDenied):
        admin.shares.update(share, updates=added(model))
    with pytest.raises(PermissionDenied):
        person.client.shares.update_permissions(share, changes=selecting(ensure_recipient(sandbox)))
    stranger = sandbox.person("dev").client
    strange: list[Callable[[], Any]] = [
        lambda: stranger.shares.get(share),
        lambda: stranger.shares.delete(share),
        lambda: stranger.shares.update_permissions(share, changes=selecting(ensure_recipient(sandbox))),
        lambda: stranger.shares.share_permissions(share),
        lambda: stranger.recipients.get(ensure_recipient(sandbox)),
    ]
    for call in strange:
        with pytest.raises(PermissionDenied):
            call()
    assert list(stranger.shares.list_shares()) == []
    admin.shares.update(share, owner=admin.current_user.me().user_name)
    admin.shares.update(share, updates=added(model))
    admin.shares.delete(share)
    with pytest.raises(NotFound) as gone:
        admin.shares.get(share)
    assert gone.value.error_code == "SHARE_DOES_NOT_EXIST"
