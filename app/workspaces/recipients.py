"""To whom may a provider share? A recipient is a metastore, found by its sharing identifier and never by its name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from databricks.sdk.service.sharing import AuthenticationType, RecipientInfo

from app.errors import AlreadyExists, RecipientNameTaken, UpstreamNotFound, WrittenNotVisible
from app.workspaces import faults, metastores
from app.workspaces.clients import connected
from app.workspaces.pages import Page, as_time, get_page, iterate

RECIPIENTS = "/api/2.1/unity-catalog/recipients"
SELF = "self"


@dataclass(frozen=True)
class Recipient:
    """A recipient; `sharing_identifier` is None for one outside Databricks."""

    name: str
    sharing_identifier: str | None
    authentication: str | None
    owner: str | None
    created_by: str | None
    comment: str | None
    created_at: datetime | None


def list_recipients(workspace: str, *, page_size: int = 0, page_token: str | None = None) -> Page[Recipient]:
    """A page of the recipients; 0 leaves the page's size to the platform."""
    query = {"max_results": page_size, "page_token": page_token}
    with connected(workspace, "listing recipients") as client:
        return get_page(client, RECIPIENTS, "recipients", _as_recipient, **query)


def list_all(workspace: str) -> list[Recipient]:
    """Every recipient that Causeway may see, a request a page; the platform's `self` is never among them."""
    with connected(workspace, "listing recipients") as client:
        return list(iterate(client, RECIPIENTS, "recipients", _as_recipient, max_results=0))


def find_recipient(workspace: str, sharing_identifier: str) -> Recipient | None:
    """The recipient that is this metastore, whatever its name; the platform's own `self` for the workspace's own."""
    if sharing_identifier == metastores.get_sharing_identifier(workspace):
        return _make_self(sharing_identifier)
    query = {"max_results": 0, "data_recipient_global_metastore_id": sharing_identifier}
    with connected(workspace, "looking for a recipient") as client:
        found = iterate(client, RECIPIENTS, "recipients", _as_recipient, **query)
        return next((item for item in found if item.sharing_identifier == sharing_identifier), None)


def find_named(workspace: str, name: str) -> Recipient | None:
    """The recipient of this name, or None."""
    if name == SELF:
        return _make_self(metastores.get_sharing_identifier(workspace))
    missing = faults.make_missing(UpstreamNotFound, workspace, "recipient", name)
    try:
        with connected(workspace, f"reading recipient {name}", missing) as client:
            return _as_recipient(client.recipients.get(name).as_dict())
    except UpstreamNotFound:
        return None


def ensure_recipient(workspace: str, sharing_identifier: str, *, name: str, comment: str) -> Recipient:
    """The metastore's recipient, made under `name` if there is none; a metastore can have one only [3P].

    Raises `RecipientNameTaken` when the name is another metastore's, `SharingUnavailable` when the metastore may not
    share outside its account.
    """
    if (found := find_recipient(workspace, sharing_identifier)) is not None:
        return found
    action = f"creating recipient {name}"
    taken = False
    try:
        with connected(workspace, action) as client:
            client.recipients.create(
                name,
                AuthenticationType.DATABRICKS,
                data_recipient_global_metastore_id=sharing_identifier,
                comment=comment,
            )
    except AlreadyExists:
        taken = True  # by a lost answer, or by somebody else: the read below tells
    found = find_recipient(workspace, sharing_identifier)
    if found is None and taken:
        difference = f"it stands for another metastore than {sharing_identifier}"
        raise RecipientNameTaken(workspace=workspace, recipient=name, difference=difference)
    if found is None:
        raise WrittenNotVisible(workspace=workspace, action=action)
    return found


def _make_self(sharing_identifier: str) -> Recipient:
    return Recipient(
        name=SELF,
        sharing_identifier=sharing_identifier,
        authentication=AuthenticationType.DATABRICKS.value,
        owner=None,
        created_by=None,
        comment=None,
        created_at=None,
    )


def _as_recipient(item: dict[str, Any]) -> Recipient:
    found = RecipientInfo.from_dict(item)
    return Recipient(
        name=str(found.name),
        sharing_identifier=found.data_recipient_global_metastore_id,
        authentication=found.authentication_type.value if found.authentication_type else None,
        owner=found.owner,
        created_by=found.created_by,
        comment=found.comment,
        created_at=as_time(found.created_at),
    )
