"""What does a provider share, and with whom? Each change adds or removes one thing, only when it is needed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from databricks.sdk.service.sharing import (
    PermissionsChange,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
    ShareInfo,
)

from app.errors import (
    AlreadyExists,
    ModelNotFound,
    ShareNameTaken,
    ShareNotFound,
    UpstreamNotFound,
    WorkspaceRefused,
    WrittenNotVisible,
)
from app.workspaces import faults, identities
from app.workspaces.clients import connected
from app.workspaces.pages import Page, as_time, get_page, iterate

SHARES = "/api/2.1/unity-catalog/shares"
MODEL, TABLE, FUNCTION = (
    SharedDataObjectDataObjectType.MODEL.value,
    SharedDataObjectDataObjectType.TABLE.value,
    SharedDataObjectDataObjectType.FUNCTION.value,
)


@dataclass(frozen=True)
class SharedObject:
    """One thing in a share: its full name in the provider, and the `schema.name` by which consumers see it.

    `active` is False when the share's owner lost its right to the object: consumers then see nothing [DOC].
    """

    kind: str
    name: str
    shared_as: str | None
    active: bool


@dataclass(frozen=True)
class Share:
    """A share; `objects` is None in lists, which leave them out."""

    name: str
    owner: str | None
    created_by: str | None
    comment: str | None
    objects: list[SharedObject] | None
    created_at: datetime | None
    updated_at: datetime | None


IsAdopted = Callable[[Share], bool]


def _nobody_has(_share: Share) -> bool:
    return False


def list_shares(workspace: str, *, page_size: int = 0, page_token: str | None = None) -> Page[Share]:
    """A page of the shares that Causeway may see, without their objects; 0 leaves the page's size to the platform."""
    with connected(workspace, "listing shares") as client:
        return get_page(client, SHARES, "shares", _as_listed_share, max_results=page_size, page_token=page_token)


def list_all(workspace: str) -> list[Share]:
    """Every share that Causeway may see, without their objects, a request a page."""
    with connected(workspace, "listing shares") as client:
        return list(iterate(client, SHARES, "shares", _as_listed_share, max_results=0))


def get_share(workspace: str, share: str) -> Share:
    """The share with its objects; raises `ShareNotFound`."""
    with connected(workspace, f"reading share {share}", _missing(workspace, share)) as client:
        found = client.shares.get(share, include_shared_data=True)
    return _as_share(found, [_as_object(item) for item in found.objects or []])


def find_share(workspace: str, share: str) -> Share | None:
    """The share with its objects, or None."""
    try:
        return get_share(workspace, share)
    except ShareNotFound:
        return None


def find_own_share(workspace: str, share: str, *, is_adopted: IsAdopted = _nobody_has) -> Share | None:
    """The share with its objects when Causeway made it; None when there is none, or none that Causeway may see.

    Raises `ShareNameTaken` when somebody else made the one of this name, unless that one `is_adopted`.
    """
    found = _find_visible(workspace, share)
    return found and _checked(workspace, found, is_adopted)


def ensure_share(workspace: str, share: str, *, comment: str, is_adopted: IsAdopted = _nobody_has) -> Share:
    """The share, made if there is none.

    Raises `ShareNameTaken` when somebody else made the one of this name, unless that one `is_adopted`.
    """
    action = f"creating share {share}"
    taken = False
    found = _find_visible(workspace, share)
    if found is None:
        try:
            with connected(workspace, action) as client:
                client.shares.create(share, comment=comment)
        except AlreadyExists:
            taken = True  # by a lost answer, or by somebody else: the read below tells whose it is
        found = _find_visible(workspace, share)
    if found is None and taken:
        raise ShareNameTaken(workspace=workspace, share=share, made_by="somebody else")
    if found is None:
        raise WrittenNotVisible(workspace=workspace, action=action)
    return _checked(workspace, found, is_adopted)


def ensure_model(workspace: str, share: str, model: str, *, shared_as: str) -> SharedObject:
    """As `ensure_object`, of a model."""
    return ensure_object(workspace, share, MODEL, model, shared_as=shared_as)


def remove_model(workspace: str, share: str, model: str) -> None:
    """As `remove_object`, of a model."""
    remove_object(workspace, share, MODEL, model)


def ensure_object(workspace: str, share: str, kind: str, name: str, *, shared_as: str) -> SharedObject:
    """The model, table or function in the share, added if it is not there.

    An earlier entry keeps the `shared_as` that it has: `schema.name`, letters, digits and underscores only. Raises
    `ShareNotFound`, `ModelNotFound` or `UpstreamNotFound` for an object that is not there, and `AlreadyExists` when
    another object has the name `shared_as`.
    """
    if (found := _find_object(workspace, share, kind, name)) is not None:
        return found
    action = f"adding {name} to share {share}"
    taken: AlreadyExists | None = None
    try:
        _update(workspace, share, action, SharedDataObjectUpdateAction.ADD, kind, name, shared_as)
    except AlreadyExists as problem:  # by a lost answer, or another object has the name: the read below tells
        taken = problem
    found = _find_object(workspace, share, kind, name)
    if found is None:
        raise taken or WrittenNotVisible(workspace=workspace, action=action)
    return found


def remove_object(workspace: str, share: str, kind: str, name: str) -> None:
    """Take the object out of the share; one that is not in it, or a share that is gone, is a success."""
    action = f"removing {name} from share {share}"
    try:
        if _find_object(workspace, share, kind, name) is None:
            return
        # What went meanwhile, the object or the share, is not there to be removed: the read below shows it.
        with suppress(UpstreamNotFound):
            _update(workspace, share, action, SharedDataObjectUpdateAction.REMOVE, kind, name, None)
        if _find_object(workspace, share, kind, name) is not None:
            raise WrittenNotVisible(workspace=workspace, action=action)
    except ShareNotFound:
        return


def list_readers(workspace: str, share: str) -> list[str]:
    """The names of the recipients that hold SELECT on the share, and so see all of it."""
    with connected(workspace, f"reading the permissions of share {share}", _missing(workspace, share)) as client:
        path = f"{SHARES}/{share}/permissions"
        assignments = list(iterate(client, path, "privilege_assignments", dict))
    return sorted({str(item["principal"]) for item in assignments if "SELECT" in (item.get("privileges") or [])})


def ensure_reader(workspace: str, share: str, recipient: str) -> None:
    """Grant SELECT on the share to the recipient unless it has it.

    Raises `ShareNotFound`, and `UpstreamNotFound` for the recipient.
    """
    if recipient in list_readers(workspace, share):
        return
    action = f"granting SELECT on share {share} to {recipient}"
    # The share was read just now: what is missing here is the recipient.
    missing = faults.make_missing(UpstreamNotFound, workspace, "recipient", recipient)
    with connected(workspace, action, missing) as client:
        change = PermissionsChange(principal=recipient, add=["SELECT"])
        client.shares.update_permissions(share, changes=[change], omit_permissions_list=True)
    if recipient not in list_readers(workspace, share):
        raise WrittenNotVisible(workspace=workspace, action=action)


def remove_reader(workspace: str, share: str, recipient: str) -> None:
    """Take SELECT on the share from the recipient, which itself stays; one that does not have it is a success.

    Raises `ShareNotFound`.
    """
    if recipient not in list_readers(workspace, share):
        return
    action = f"revoking SELECT on share {share} of {recipient}"
    # A recipient that went meanwhile took its grant along: the read below shows it.
    missing = faults.make_missing(UpstreamNotFound, workspace, "recipient", recipient)
    with suppress(UpstreamNotFound), connected(workspace, action, missing) as client:
        change = PermissionsChange(principal=recipient, remove=["SELECT"])
        client.shares.update_permissions(share, changes=[change], omit_permissions_list=True)
    if recipient in list_readers(workspace, share):
        raise WrittenNotVisible(workspace=workspace, action=action)


def _missing(workspace: str, share: str) -> UpstreamNotFound:
    return faults.make_missing(ShareNotFound, workspace, "share", share)


def _find_visible(workspace: str, share: str) -> Share | None:
    # Somebody else's share may be refused to us; whether the name is free is then for the platform to say.
    try:
        return find_share(workspace, share)
    except WorkspaceRefused:
        return None


def _checked(workspace: str, found: Share, is_adopted: IsAdopted) -> Share:
    if not is_adopted(found) and not identities.is_own(workspace, found.created_by, found.owner):
        made_by = found.created_by or found.owner or "somebody else"
        raise ShareNameTaken(workspace=workspace, share=found.name, made_by=made_by)
    return found


def _find_object(workspace: str, share: str, kind: str, name: str) -> SharedObject | None:
    # Names are case-insensitive, and the platform keeps them in lower case [DOC].
    objects = get_share(workspace, share).objects or []
    return next((item for item in objects if item.kind == kind and item.name.lower() == name.lower()), None)


def _update(
    workspace: str,
    share: str,
    action: str,
    change: SharedDataObjectUpdateAction,
    kind: str,
    name: str,
    shared_as: str | None,
) -> None:
    # One object a call, with its shared name: left out, the platform fills it in and later calls it a difference [3P].
    # A table has its name there in a field of its own [SDK].
    data_object = SharedDataObject(name=name, data_object_type=SharedDataObjectDataObjectType(kind))
    if kind == TABLE:
        data_object.shared_as = shared_as
    else:
        data_object.string_shared_as = shared_as
    missing = _missing(workspace, share)
    if change is SharedDataObjectUpdateAction.ADD:
        # The share was read just now: what is missing here is the object, or the schema in which it lay.
        problem = ModelNotFound if kind == MODEL else UpstreamNotFound
        missing = faults.make_missing(problem, workspace, kind.lower(), name)
    with connected(workspace, action, missing) as client:
        client.shares.update(share, updates=[SharedDataObjectUpdate(action=change, data_object=data_object)])


def _as_listed_share(item: dict[str, Any]) -> Share:
    return _as_share(ShareInfo.from_dict(item), None)


def _as_share(found: ShareInfo, objects: list[SharedObject] | None) -> Share:
    return Share(
        name=str(found.name),
        owner=found.owner,
        created_by=found.created_by,
        comment=found.comment,
        objects=objects,
        created_at=as_time(found.created_at),
        updated_at=as_time(found.updated_at),
    )


def _as_object(item: SharedDataObject) -> SharedObject:
    return SharedObject(
        kind=item.data_object_type.value if item.data_object_type else "UNKNOWN",
        name=item.name,
        shared_as=item.string_shared_as or item.shared_as,
        active=item.status is None or item.status.value == "ACTIVE",
    )
