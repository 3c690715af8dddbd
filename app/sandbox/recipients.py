"""To whom does a metastore share? Recipients: other metastores, each known by its sharing identifier.

Open recipients (tokens, OIDC) get no models on the platform [DOC], so the sandbox does not make any.
"""

import re
import uuid
from typing import Any

from databricks.sdk.service.sharing import (
    AuthenticationType,
    IpAccessList,
    Privilege,
    PrivilegeAssignment,
    RecipientInfo,
    SecurablePropertiesKvPairs,
    ShareToPrivilegeAssignment,
)

from app.sandbox import errors, grants, metastores, names, quotas
from app.sandbox.pages import PAGED, page
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes
from app.sandbox.world import SELF, now_ms

routes = Routes()
BASE = "/api/2.1/unity-catalog/recipients"
_IDENTIFIER = re.compile(r"(aws|azure|gcp):[a-z0-9-]+:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@routes.post(
    BASE,
    body={
        "name!": str,
        "authentication_type!": AuthenticationType,
        "comment": str,
        "data_recipient_global_metastore_id": str,
        "expiration_time": int,
        "id": str,
        "ip_access_list": IpAccessList,
        "owner": str,
        "properties_kvpairs": SecurablePropertiesKvPairs,
        "sharing_code": str,
    },
)
def create_recipient(call: Call) -> RecipientInfo:
    """Needs CREATE_RECIPIENT. One recipient for a sharing identifier, and none for the metastore's own [3P]."""
    call.require_on_metastore("CREATE_RECIPIENT")
    name = names.check(call.body["name"], "CreateRecipient", "recipient")
    if name == SELF or call.state.find("recipient", call.metastore, name):
        raise errors.already_exists("recipient", name, call.world.settings.already_exists_status)
    identifier = _check_identifier(call)
    held = len(call.state.list_all("recipient", call.metastore))
    quotas.check(call, "recipients", held, call.world.settings.recipients_per_metastore)
    now = now_ms()
    recipient: Document = {
        "id": str(uuid.uuid4()),
        "owner": names.check_principal(call, call.body.get("owner", call.principal)),
        "data_recipient_global_metastore_id": identifier,
        "comment": call.body.get("comment"),
        "properties": call.body.get("properties_kvpairs", {}).get("properties", {}),
        "created_at": now,
        "created_by": call.principal,
        "updated_at": now,
        "updated_by": call.principal,
    }
    call.state.put("recipient", call.metastore, name, recipient)
    call.record("recipient-created", name, sharing_identifier=identifier)
    return _shape(call, name, recipient)


@routes.get(BASE, query={**PAGED, "data_recipient_global_metastore_id": str})
def list_recipients(call: Call) -> dict[str, Any]:
    """Those that the caller owns, or all with USE_RECIPIENT; `self` is never listed."""
    wanted = call.query.get("data_recipient_global_metastore_id")
    found = [
        entry
        for entry in call.state.list_all("recipient", call.metastore)
        if wanted in (None, entry[1]["data_recipient_global_metastore_id"])
    ]
    return page(call, "recipients", found, lambda entry: _shape(call, *entry), lambda entry: _may_see(call, entry[0]))


@routes.get(BASE + "/{name}")
def get_recipient(call: Call) -> RecipientInfo:
    """One, `self` among them."""
    name = call.params["name"]
    return _shape(call, name, _find_visible(call, name))


@routes.patch(
    BASE + "/{name}",
    body={
        "comment": str,
        "expiration_time": int,
        "id": str,
        "ip_access_list": IpAccessList,
        "new_name": str,
        "owner": str,
        "properties_kvpairs": SecurablePropertiesKvPairs,
    },
)
def update_recipient(call: Call) -> RecipientInfo:
    """The owner's to do; a new name keeps what the recipient was granted."""
    name = call.params["name"]
    recipient = _find(call, name)
    call.require_owner("recipient", name)
    for field in ("expiration_time", "ip_access_list"):
        if field in call.body:
            raise errors.invalid(f"Field '{field}' does not apply to a recipient of type DATABRICKS.")
    if "owner" in call.body:
        names.check_principal(call, call.body["owner"])
    recipient |= {key: call.body[key] for key in ("comment", "owner") if key in call.body}
    recipient["properties"] |= call.body.get("properties_kvpairs", {}).get("properties", {})
    recipient |= {"updated_at": now_ms(), "updated_by": call.principal}
    new_name = call.body.get("new_name", name)
    if new_name != name:
        _rename(call, name, new_name)
    call.state.put("recipient", call.metastore, new_name, recipient)
    return _shape(call, new_name, recipient)


@routes.delete(BASE + "/{name}")
def delete_recipient(call: Call) -> None:
    """The recipient loses every share at once."""
    name = call.params["name"]
    _find(call, name)
    call.require_owner("recipient", name)
    call.state.remove("recipient", call.metastore, name)
    for share_name, share in call.state.list_all("share", call.metastore):
        if share["recipients"].pop(name, None) is not None:
            call.state.put("share", call.metastore, share_name, share)
    call.record("recipient-deleted", name)


@routes.get(BASE + "/{name}/share-permissions", query=PAGED)
def list_share_permissions(call: Call) -> dict[str, Any]:
    """The shares on which the recipient has SELECT."""
    name = call.params["name"]
    _find_visible(call, name)
    granted = [
        share_name for share_name, share in call.state.list_all("share", call.metastore) if name in share["recipients"]
    ]
    assignments = [PrivilegeAssignment(principal=name, privileges=[Privilege.SELECT])]
    return page(
        call,
        "permissions_out",
        granted,
        lambda share_name: ShareToPrivilegeAssignment(share_name=share_name, privilege_assignments=assignments),
    )


def _check_identifier(call: Call) -> str:
    kind = call.body["authentication_type"]
    if kind != AuthenticationType.DATABRICKS.value:
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox has no recipients of type {kind}.")
    if call.body.get("sharing_code"):
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", "The sandbox knows no sharing codes.")
    identifier = str(call.body.get("data_recipient_global_metastore_id") or "")
    if not identifier:
        raise errors.invalid("CreateRecipient Missing required field: data_recipient_global_metastore_id")
    for field in ("expiration_time", "ip_access_list"):
        if field in call.body:
            raise errors.invalid(f"Field '{field}' does not apply to a recipient of type DATABRICKS.")
    if not _IDENTIFIER.fullmatch(identifier):
        raise errors.invalid(f"'{identifier}' is not a sharing identifier (<cloud>:<region>:<uuid>).")
    if identifier == call.workspace.metastore.global_id:
        raise errors.invalid(
            f"Cannot create a recipient with the same sharing identifier '{identifier}' as the current metastore."
        )
    for name, other in call.state.list_all("recipient", call.metastore):
        if other["data_recipient_global_metastore_id"] == identifier:
            message = f"There is already a Recipient object '{name}' with the same sharing identifier {identifier}"
            status = call.world.settings.already_exists_status
            raise errors.PlatformError(status, "RECIPIENT_ALREADY_EXISTS", message)
    if not metastores.shares_externally(call):
        # Each metastore of the sandbox belongs to an account of its own, so every other one is external.
        raise errors.PlatformError(
            400, "FEATURE_DISABLED", "Delta Sharing to recipients outside of the account is not enabled."
        )
    return identifier


def _find(call: Call, name: str) -> Document:
    recipient = call.state.find("recipient", call.metastore, name)
    if recipient is None:
        raise errors.not_found("recipient", name)
    return recipient


def _find_visible(call: Call, name: str) -> Document:
    recipient = _own_recipient(call) if name == SELF else _find(call, name)
    if name != SELF and not _may_see(call, name):
        raise errors.lacking("USE_RECIPIENT", "recipient", name)
    return recipient


def _own_recipient(call: Call) -> Document:
    metastore = call.workspace.metastore
    unknown = dict.fromkeys(("comment", "created_at", "created_by", "updated_at", "updated_by"))
    return {
        **unknown,
        "id": metastore.id,
        "owner": metastore.admin,
        "data_recipient_global_metastore_id": metastore.global_id,
        "properties": {},
    }


def _may_see(call: Call, name: str) -> bool:
    return call.owns("recipient", name) or grants.holds(
        call.state, call.metastore, call.principal, "USE_RECIPIENT", "metastore", call.workspace.metastore.id
    )


def _rename(call: Call, name: str, new_name: str) -> None:
    names.check(new_name, "UpdateRecipient", "recipient")
    if new_name == SELF or call.state.find("recipient", call.metastore, new_name):
        raise errors.already_exists("recipient", new_name, call.world.settings.already_exists_status)
    call.state.remove("recipient", call.metastore, name)
    for share_name, share in call.state.list_all("share", call.metastore):
        if name in share["recipients"]:
            share["recipients"][new_name] = share["recipients"].pop(name)
            call.state.put("share", call.metastore, share_name, share)


def _shape(call: Call, name: str, recipient: Document) -> RecipientInfo:
    cloud, region, metastore_id = recipient["data_recipient_global_metastore_id"].split(":")
    return RecipientInfo(
        name=name,
        id=recipient["id"],
        authentication_type=AuthenticationType.DATABRICKS,
        activated=True,
        data_recipient_global_metastore_id=recipient["data_recipient_global_metastore_id"],
        cloud=cloud,
        region=region,
        metastore_id=metastore_id,
        owner=recipient["owner"],
        comment=recipient["comment"],
        properties_kvpairs=SecurablePropertiesKvPairs(properties=recipient["properties"])
        if recipient["properties"]
        else None,
        created_at=recipient["created_at"],
        created_by=recipient["created_by"],
        updated_at=recipient["updated_at"],
        updated_by=recipient["updated_by"],
    )
