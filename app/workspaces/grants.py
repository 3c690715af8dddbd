"""Who holds which privilege on what? Granted one principal at a time, and only what is missing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from databricks.sdk.service.catalog import PermissionsChange, Privilege

from app.errors import CatalogNotFound, UpstreamNotFound, WrittenNotVisible
from app.workspaces import faults
from app.workspaces.clients import HTTP_TIMEOUT_SECONDS, connected
from app.workspaces.pages import iterate

# A registered model is a function to the grants API [DOC].
Securable = Literal["metastore", "catalog", "schema", "function", "volume", "share", "table"]
ALL = "ALL_PRIVILEGES"


def list_privileges(workspace: str, kind: Securable, name: str) -> dict[str, set[str]]:
    """The privileges granted on the object itself, by principal; what a parent grants is not among them."""
    with connected(workspace, f"reading the grants on {name}", _missing(workspace, kind, name)) as client:
        path = f"/api/2.1/unity-catalog/permissions/{kind}/{name}"
        assignments = list(iterate(client, path, "privilege_assignments", dict))
    held: dict[str, set[str]] = {}
    for item in assignments:
        held.setdefault(str(item["principal"]), set()).update(item.get("privileges") or [])
    return held


def list_effective(
    workspace: str, kind: Securable, name: str, *, timeout_seconds: float = HTTP_TIMEOUT_SECONDS
) -> dict[str, set[str]]:
    """The privileges in force on the object, its parents' grants included, by principal; a metastore's name is its id.

    The platform tells all of them to owners and holders of MANAGE, and to others their own alone [DOC]; ownership,
    which gives every privilege on the object, is not among them.
    """
    path = f"/api/2.1/unity-catalog/effective-permissions/{kind}/{name}"
    action = f"reading the effective grants on {name}"
    with connected(workspace, action, _missing(workspace, kind, name), timeout_seconds=timeout_seconds) as client:
        assignments = list(iterate(client, path, "privilege_assignments", dict, max_results=0))
    held: dict[str, set[str]] = {}
    for item in assignments:
        told = {str(one["privilege"]) for one in item.get("privileges") or []}
        held.setdefault(str(item["principal"]), set()).update(told)
    return held


def ensure_privileges(workspace: str, kind: Securable, name: str, principal: str, privileges: Iterable[str]) -> None:
    """Grant the principal those of the privileges (`USE_CATALOG`, `EXECUTE` …) that it lacks on the object itself."""
    wanted = set(privileges)
    lacking = _lacking(workspace, kind, name, principal, wanted)
    if not lacking:
        return
    action = f"granting {', '.join(sorted(lacking))} on {name} to {principal}"
    with connected(workspace, action, _missing(workspace, kind, name)) as client:
        change = PermissionsChange(principal=principal, add=[Privilege(item) for item in sorted(lacking)])
        client.grants.update(kind, name, changes=[change])
    if _lacking(workspace, kind, name, principal, wanted):
        raise WrittenNotVisible(workspace=workspace, action=action)


def remove_privileges(workspace: str, kind: Securable, name: str, principal: str, privileges: Iterable[str]) -> None:
    """Revoke those of the privileges that the principal holds on the object itself; what a parent grants stays."""
    unwanted = set(privileges)
    held = unwanted & list_privileges(workspace, kind, name).get(principal, set())
    if not held:
        return
    action = f"revoking {', '.join(sorted(held))} on {name} from {principal}"
    with connected(workspace, action, _missing(workspace, kind, name)) as client:
        change = PermissionsChange(principal=principal, remove=[Privilege(item) for item in sorted(held)])
        client.grants.update(kind, name, changes=[change])
    if unwanted & list_privileges(workspace, kind, name).get(principal, set()):
        raise WrittenNotVisible(workspace=workspace, action=action)


def _missing(workspace: str, kind: str, name: str) -> UpstreamNotFound:
    return faults.make_missing(CatalogNotFound if kind == "catalog" else UpstreamNotFound, workspace, kind, name)


def _lacking(workspace: str, kind: Securable, name: str, principal: str, wanted: set[str]) -> set[str]:
    held = list_privileges(workspace, kind, name).get(principal, set())
    return set() if ALL in held else wanted - held
