"""Sharing, from the provider's catalog to the consumer's: each step converges, and none touches what is not ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from databricks.sdk.service.iam import ComplexValue

from app.errors import (
    CatalogNameTaken,
    CatalogNotFound,
    ProviderNotFound,
    RecipientNameTaken,
    ShareNameTaken,
    ShareNotFound,
    SharingUnavailable,
    UpstreamNotFound,
    WorkspaceRefused,
    WorkspaceUnavailable,
    WrittenNotVisible,
)
from app.workspaces import catalogs, grants, metastores, models, providers, recipients, shares
from tests.workspaces.conftest import Answer, Configure, Platform, Stub, read_all

UNITY = "/api/2.1/unity-catalog"


@dataclass
class Shared:
    """A share of dev with one model in it."""

    share: str
    model: str


@pytest.fixture
def shared(platform: Platform, unique: Callable[[str], str]) -> Shared:
    schema = unique("schema")
    catalogs.ensure_schema("dev", "main", schema, comment="made by a test")
    model = f"main.{schema}.demand"
    platform.register("dev", model, {"MLmodel": "flavors: {}"})
    share = unique("share")
    shares.ensure_share("dev", share, comment="made by a test")
    return Shared(share, model)


def link() -> str:
    """Makes dev a provider of prod; the name of that provider in prod."""
    consumer = metastores.get_sharing_identifier("prod")
    recipients.ensure_recipient("dev", consumer, name="causeway_prod", comment="made by a test")
    return providers.get_provider("prod", metastores.get_sharing_identifier("dev")).name


def until(happens: Callable[[], Any], seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while not (result := happens()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return result


def test_a_model_travels_from_the_provider_to_a_catalog_of_the_consumer(
    platform: Platform, shared: Shared, unique: Callable[[str], str]
) -> None:
    consumer, provider = (metastores.get_sharing_identifier(name) for name in ("prod", "dev"))
    assert consumer.startswith("azure:")
    for _ in range(2):
        added = shares.ensure_model("dev", shared.share, shared.model, shared_as="bikes.demand")
        recipient = recipients.ensure_recipient("dev", consumer, name="causeway_prod", comment="made by a test")
        shares.ensure_reader("dev", shared.share, recipient.name)
    assert (added.name, added.shared_as, added.active) == (shared.model, "bikes.demand", True)
    assert shares.list_readers("dev", shared.share) == [recipient.name]

    found = providers.get_provider("prod", provider)
    until(lambda: shared.share in providers.list_shares("prod", found.name))
    name, grantee = unique("catalog"), platform.sandbox.person("prod").name
    for _ in range(2):
        catalog = catalogs.ensure_shared_catalog(
            "prod", name, provider=found.name, share=shared.share, comment="made by a test"
        )
        grants.ensure_privileges("prod", "catalog", name, grantee, ["USE_CATALOG", "USE_SCHEMA", "EXECUTE"])
    assert (catalog.kind, catalog.provider, catalog.share) == ("DELTASHARING_CATALOG", found.name, shared.share)
    assert grants.list_privileges("prod", "catalog", name)[grantee] == {"USE_CATALOG", "USE_SCHEMA", "EXECUTE"}
    seen = until(lambda: models.find_version("prod", f"{name}.bikes.demand", 1))
    assert (seen.model, seen.state) == (f"{name}.bikes.demand", "READY")
    assert catalogs.list_schemas("prod", name) == ["bikes"]

    for _ in range(2):
        catalogs.remove_shared_catalog("prod", name, provider=found.name, share=shared.share)
    assert catalogs.find_catalog("prod", name) is None


LOSABLE: list[tuple[str, str, Callable[[Shared], Any]]] = [
    ("POST", f"{UNITY}/shares", lambda it: shares.ensure_share("dev", it.share + "_2", comment="x")),
    ("PATCH", f"{UNITY}/shares/*", lambda it: shares.ensure_model("dev", it.share, it.model, shared_as="a.b")),
    ("PATCH", f"{UNITY}/shares/*/permissions", lambda it: shares.ensure_reader("dev", it.share, "causeway_prod")),
    ("POST", f"{UNITY}/schemas", lambda it: catalogs.ensure_schema("dev", "main", it.share, comment="x")),
    (
        "PATCH",
        f"{UNITY}/permissions/*",
        lambda it: grants.ensure_privileges("dev", "function", it.model, "account users", ["EXECUTE"]),
    ),
    ("DELETE", f"{UNITY}/models/*", lambda it: models.remove_version("dev", it.model, 1)),
]


@pytest.mark.parametrize(("method", "path", "act"), LOSABLE, ids=[f"{method} {path}" for method, path, _ in LOSABLE])
def test_a_change_whose_answer_is_lost_was_sent_once_and_is_found_done_the_next_time(
    platform: Platform, shared: Shared, method: str, path: str, act: Callable[[Shared], Any]
) -> None:
    link()
    before = platform.count("dev", method, path)
    platform.fault("dev", "lose-answer", method, path)
    with pytest.raises(WorkspaceUnavailable):
        act(shared)
    act(shared)
    assert platform.count("dev", method, path) - before <= 2
    act(shared)
    schema = shared.model.split(".")[1]
    effects = [(effect["kind"], effect["name"]) for effect in platform.sandbox.effects()]
    ours = [effect for effect in effects if shared.share in effect[1] or schema in effect[1]]
    assert len(ours) == len(set(ours))


def test_a_model_that_is_in_the_share_already_is_not_added_and_no_empty_update_is_sent(
    platform: Platform, shared: Shared
) -> None:
    path = f"{UNITY}/shares/{shared.share}"
    shares.ensure_model("dev", shared.share, shared.model, shared_as="bikes.demand")
    assert platform.count("dev", "PATCH", path) == 1
    kept = shares.ensure_model("dev", shared.share, shared.model.upper(), shared_as="bikes.other")
    assert kept.shared_as == "bikes.demand"
    assert platform.count("dev", "PATCH", path) == 1


def test_taking_a_model_out_of_a_share_is_done_once_and_touches_nothing_else(
    platform: Platform, shared: Shared
) -> None:
    other = shared.model + "_other"
    platform.register("dev", other, {"MLmodel": "flavors: {}"})
    for model, name in ((shared.model, "bikes.demand"), (other, "bikes.other")):
        shares.ensure_model("dev", shared.share, model, shared_as=name)
    for _ in range(2):
        shares.remove_model("dev", shared.share, shared.model)
    assert [item.name for item in shares.get_share("dev", shared.share).objects or []] == [other]
    shares.remove_model("dev", "no_such_share", shared.model)


def test_a_share_that_somebody_else_made_is_left_alone(platform: Platform, unique: Callable[[str], str]) -> None:
    name = unique("share")
    platform.sandbox.client("dev").shares.create(name)
    with pytest.raises(ShareNameTaken):
        shares.ensure_share("dev", name, comment="ours")
    metastore = platform.sandbox.client("dev").metastores.summary().metastore_id
    platform.sandbox.grant("dev", "metastore", str(metastore), platform.controls["dev"].name, "USE_SHARE")
    with pytest.raises(ShareNameTaken) as raised:
        shares.ensure_share("dev", name, comment="ours")
    assert "made_by" in raised.value.fields


def test_a_share_that_an_admin_gave_to_a_group_of_ours_goes_on_as_ours(
    platform: Platform, shared: Shared, unique: Callable[[str], str]
) -> None:
    admin, control = platform.sandbox.client("dev"), platform.controls["dev"]
    group = admin.groups.create(display_name=unique("stewards"), members=[ComplexValue(value=control.id)])
    shares.ensure_model("dev", shared.share, shared.model, shared_as="bikes.demand")
    admin.shares.update(shared.share, owner=group.display_name)
    assert shares.ensure_share("dev", shared.share, comment="x").owner == group.display_name
    [entry] = shares.get_share("dev", shared.share).objects or []
    assert not entry.active  # the group itself has no right to the model: its members' own do not count for it
    platform.sandbox.grant(
        "dev", "schema", shared.model.rpartition(".")[0], group.display_name, "EXECUTE", "USE_SCHEMA"
    )
    platform.sandbox.grant("dev", "catalog", "main", group.display_name, "USE_CATALOG")
    other = f"{shared.model}_other"
    platform.register("dev", other, {"MLmodel": "flavors: {}"})
    shares.ensure_model("dev", shared.share, other, shared_as="bikes.other")
    assert [item.active for item in shares.get_share("dev", shared.share).objects or []] == [True, True]


def test_a_catalog_that_is_something_else_is_neither_used_nor_deleted(
    platform: Platform, shared: Shared, unique: Callable[[str], str]
) -> None:
    hidden, provider = unique("catalog"), link()
    platform.sandbox.client("prod").catalogs.create(hidden)
    shares.ensure_reader("dev", shared.share, "causeway_prod")
    until(lambda: shared.share in providers.list_shares("prod", provider))
    for name in (hidden, "main"):
        with pytest.raises(CatalogNameTaken):
            catalogs.ensure_shared_catalog("prod", name, provider=provider, share=shared.share, comment="x")
    with pytest.raises(CatalogNameTaken):
        catalogs.remove_shared_catalog("prod", "main", provider=provider, share=shared.share)
    assert catalogs.find_catalog("prod", "main") is not None


def test_what_is_not_there_is_named_as_what_it_is(platform: Platform, unique: Callable[[str], str]) -> None:
    absent = unique("absent")
    assert shares.find_share("dev", absent) is None
    assert catalogs.find_catalog("dev", absent) is None
    elsewhere = "aws:us-west-2:00000000-0000-0000-0000-000000000000"
    assert recipients.find_recipient("dev", elsewhere) is None
    assert providers.find_provider("prod", elsewhere) is None
    with pytest.raises(ProviderNotFound):
        providers.get_provider("prod", elsewhere)
    for look in (shares.get_share, shares.list_readers):
        with pytest.raises(ShareNotFound):
            look("dev", absent)
    provider = link()
    with pytest.raises(ShareNotFound):
        catalogs.ensure_shared_catalog("prod", absent, provider=provider, share=absent, comment="x")
    with pytest.raises(CatalogNotFound):
        catalogs.ensure_schema("dev", absent, "s", comment="x")
    with pytest.raises(UpstreamNotFound):
        grants.ensure_privileges("dev", "catalog", absent, "account users", ["USE_CATALOG"])


def test_a_recipients_name_of_another_metastore_is_taken(platform: Platform, unique: Callable[[str], str]) -> None:
    first, second = (f"aws:us-west-2:00000000-0000-0000-0000-{number:012d}" for number in (1, 2))
    name = unique("recipient")
    recipients.ensure_recipient("dev", first, name=name, comment="x")
    with pytest.raises(RecipientNameTaken):
        recipients.ensure_recipient("dev", second, name=name, comment="x")
    # A metastore has one recipient, whatever name is wished for.
    assert recipients.ensure_recipient("dev", first, name=unique("recipient"), comment="x").name == name


def test_the_workspaces_own_metastore_is_the_recipient_and_the_provider_self(platform: Platform) -> None:
    own = metastores.get_sharing_identifier("dev")
    assert recipients.ensure_recipient("dev", own, name="unused", comment="x").name == "self"
    assert providers.get_provider("dev", own).name == "self"


def test_lists_come_in_pages(platform: Platform, unique: Callable[[str], str]) -> None:
    names = {unique("share") for _ in range(3)}
    for name in names:
        shares.ensure_share("dev", name, comment="x")

    assert names <= {share.name for share in read_all(shares.list_shares, "dev")}
    assert "causeway" in {catalog.name for catalog in read_all(catalogs.list_catalogs, "dev")}
    provider = link()
    assert "causeway_prod" in {recipient.name for recipient in read_all(recipients.list_recipients, "dev")}
    assert provider in {item.name for item in read_all(providers.list_providers, "prod")}


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "x%3Fq%23", "x?y", "x#y", "a\nb"])
def test_a_name_that_no_object_can_have_is_never_asked_for(stub: Stub, configure: Configure, name: str) -> None:
    configure(dev={"host": stub.host})
    assert shares.find_share("dev", name) is None
    assert catalogs.find_catalog("dev", name) is None
    with pytest.raises(UpstreamNotFound):
        models.get_model("dev", name)
    assert stub.asked == []


def test_sharing_that_is_switched_off_is_called_so(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    refusal = {"error_code": "INVALID_STATE", "message": "External Delta Sharing is not enabled on the metastore."}
    summary = {"global_metastore_id": "aws:us-east-1:x"}
    stub.script = lambda asked: Answer(400, refusal) if asked.method == "POST" else Answer(200, summary)
    with pytest.raises(SharingUnavailable):
        recipients.ensure_recipient("dev", "azure:x:y", name="n", comment="c")


def test_a_grant_that_was_accepted_but_cannot_be_seen_is_no_success(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: Answer(200, {})
    with pytest.raises(WrittenNotVisible) as raised:
        grants.ensure_privileges("dev", "catalog", "c", "p", ["USE_CATALOG"])
    assert raised.value.retryable
    assert [asked.method for asked in stub.asked] == ["GET", "PATCH", "GET"]


def test_a_principal_with_all_privileges_needs_no_further_grant(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    held = {"privilege_assignments": [{"principal": "p", "privileges": ["ALL_PRIVILEGES"]}]}
    stub.script = lambda _: Answer(200, held)
    grants.ensure_privileges("dev", "catalog", "c", "p", ["USE_CATALOG"])
    assert [asked.method for asked in stub.asked] == ["GET"]


def test_without_the_privilege_to_share_the_workspace_refuses(
    platform: Platform, configure: Configure, unique: Callable[[str], str], tmp_path: Path
) -> None:
    token = tmp_path / "stranger"
    token.write_text(platform.sandbox.person("dev").token)
    auth = {"type": "pat", "token": {"file": str(token)}}
    configure(dev={"host": platform.workspaces["dev"]["host"], "auth": auth})
    with pytest.raises(WorkspaceRefused) as raised:
        shares.ensure_share("dev", unique("share"), comment="x")
    assert raised.value.fields["upstream"]["error_code"] == "PERMISSION_DENIED"
