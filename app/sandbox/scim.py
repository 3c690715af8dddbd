"""Who is there? SCIM: the caller's own account, and the service principals that an admin makes."""

import re
import uuid
from typing import Any

from databricks.sdk.service.iam import (
    ComplexValue,
    Patch,
    PatchSchema,
    ServicePrincipal,
    ServicePrincipalSchema,
    User,
    UserSchema,
)
from starlette.responses import JSONResponse

from app.sandbox import errors, grants
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
BASE = "/api/2.0/preview/scim/v2/ServicePrincipals"
WORKSPACE_ACCESS = "workspace-access"
_ENTITLEMENTS = (WORKSPACE_ACCESS, "databricks-sql-access", "allow-cluster-create", "allow-instance-pool-create")
_LISTING = {
    **dict.fromkeys(("attributes", "excludedAttributes", "filter", "sortBy", "sortOrder"), str),
    **dict.fromkeys(("startIndex", "count"), int),
}


@routes.get("/api/2.0/preview/scim/v2/Me", query={"attributes": str, "excludedAttributes": str})
def get_me(call: Call) -> User:
    """The caller; a service principal's user name is its application id [DOC]."""
    known = call.state.find("principal", call.metastore, call.principal) or {}
    return User(
        schemas=[UserSchema.URN_IETF_PARAMS_SCIM_SCHEMAS_CORE_2_0_USER],
        id=known["id"],
        user_name=call.principal,
        display_name=known["display_name"],
        active=True,
        emails=[ComplexValue(value=call.principal, primary=True)] if known["kind"] == "user" else None,
        groups=_list_groups(call, call.principal, known),
        entitlements=_values(known.get("entitlements")),
    )


@routes.post(
    BASE,
    body={
        "displayName": str,
        "applicationId": str,
        "externalId": str,
        "id": str,
        "active": bool,
        "schemas": [str],
        "entitlements": [{"value!": str}],
        "groups": [object],
        "roles": [object],
    },
)
def create_service_principal(call: Call) -> JSONResponse:
    """Made by the admin; it owns nothing and may do nothing at first."""
    call.require_admin()
    application_id = call.body.get("applicationId") or str(uuid.uuid4())
    if call.state.find("principal", call.metastore, application_id):
        raise _scim_error(409, f"Service principal with application ID {application_id} already exists.")
    principal = {
        "id": str(10**9 + call.state.next_number(f"principal/{call.metastore}")),
        "kind": "service-principal",
        "display_name": call.body.get("displayName") or application_id,
        "active": call.body.get("active", True),
        "admin": False,
        "entitlements": _read_entitlements(call.body.get("entitlements", [])),
    }
    call.state.put("principal", call.metastore, application_id, principal)
    call.record("service-principal-created", application_id, display_name=principal["display_name"])
    return JSONResponse(_shape(call, application_id, principal).as_dict(), 201)


@routes.get(BASE, query=_LISTING)
def list_service_principals(call: Call) -> dict[str, Any]:
    """All, or those that `applicationId eq "…"` or `displayName eq "…"` names; `startIndex` counts from 1."""
    found = [_shape(call, *entry) for entry in _list(call)]
    if call.query.get("filter"):
        attribute, value = _read_filter(call.query["filter"])
        found = [principal for principal in found if principal.as_dict().get(attribute) == value]
    start = max(call.query.get("startIndex", 1), 1) - 1
    page = found[start : start + call.query.get("count", 100)]
    return {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": len(found),
        "startIndex": start + 1,
        "itemsPerPage": len(page),
        "Resources": [principal.as_dict() for principal in page],
    }


@routes.get(BASE + "/{id}")
def get_service_principal(call: Call) -> ServicePrincipal:
    """One, by its numeric id."""
    return _shape(call, *find_service_principal(call, call.params["id"]))


@routes.add("PATCH", BASE + "/{id}", body={"Operations!": [Patch], "schemas!": [PatchSchema]})
def patch_service_principal(call: Call) -> None:
    """The admin gives it entitlements; the sandbox knows no other change."""
    call.require_admin()
    application_id, principal = find_service_principal(call, call.params["id"])
    for operation in call.body["Operations"]:
        if (operation.get("op"), operation.get("path")) != ("add", "entitlements"):
            raise errors.PlatformError(501, "NOT_IMPLEMENTED", "The sandbox patches by adding entitlements only.")
        added = _read_entitlements(operation.get("value") or [])
        principal["entitlements"] = sorted({*principal.get("entitlements", []), *added})
    call.state.put("principal", call.metastore, application_id, principal)
    call.record("service-principal-changed", application_id, entitlements=principal["entitlements"])


@routes.delete(BASE + "/{id}")
def delete_service_principal(call: Call) -> None:
    """Its tokens and secrets are worth nothing from now on."""
    call.require_admin()
    application_id, _ = find_service_principal(call, call.params["id"])
    call.state.remove("principal", call.metastore, application_id)
    call.record("service-principal-deleted", application_id)


def find_service_principal(call: Call, number: str) -> tuple[str, Document]:
    """Application id and what is known, by the numeric id; 404 in SCIM's words."""
    for application_id, principal in _list(call):
        if principal["id"] == number:
            return application_id, principal
    raise _scim_error(404, f"Service principal with id {number} not found.")


def _list(call: Call) -> list[tuple[str, Document]]:
    everybody = call.state.list_all("principal", call.metastore)
    return [entry for entry in everybody if entry[1]["kind"] == "service-principal"]


def require_workspace_access(call: Call, principal: str) -> None:
    """403 unless the principal may work in the workspace at all: by the entitlement, or as its admin."""
    known = call.state.find("principal", call.metastore, principal) or {}
    if not known.get("admin") and WORKSPACE_ACCESS not in known.get("entitlements", []):
        raise errors.denied(f"{principal} does not have the {WORKSPACE_ACCESS} entitlement.")


def _read_entitlements(given: list[Any]) -> list[str]:
    wanted = [str(one.get("value") if isinstance(one, dict) else one) for one in given]
    for value in wanted:
        if value not in _ENTITLEMENTS:
            raise _scim_error(400, f"Unknown entitlement: {value}")
    return sorted(set(wanted))


def _values(entitlements: list[str] | None) -> list[ComplexValue] | None:
    return [ComplexValue(value=value) for value in entitlements] if entitlements else None


def _shape(call: Call, application_id: str, principal: Document) -> ServicePrincipal:
    return ServicePrincipal(
        schemas=[ServicePrincipalSchema.URN_IETF_PARAMS_SCIM_SCHEMAS_CORE_2_0_SERVICE_PRINCIPAL],
        id=principal["id"],
        application_id=application_id,
        display_name=principal["display_name"],
        active=principal["active"],
        # Whom others belong to and what they are entitled to is told to admins.
        entitlements=_values(principal.get("entitlements")) if call.is_admin else None,
        groups=_list_groups(call, application_id, principal) if call.is_admin else None,
    )


def _list_groups(call: Call, name: str, known: Document) -> list[ComplexValue] | None:
    own = grants.list_identities(call.state, call.metastore, name) - {name, grants.ACCOUNT_USERS}
    names = [*(["admins"] if known["admin"] else []), *sorted(own)]
    return [ComplexValue(display=group) for group in names] or None


def _read_filter(text: str) -> tuple[str, str]:
    found = re.fullmatch(r'(applicationId|displayName)\s+eq\s+"?([^"]*)"?', text.strip())
    if not found:
        raise _scim_error(400, f"The sandbox does not know this filter: {text}")
    return found[1], found[2]


def _scim_error(status: int, detail: str) -> errors.PlatformError:
    schema = "urn:ietf:params:scim:api:messages:2.0:Error"
    body = {"schemas": [schema], "detail": detail, "status": str(status)}
    return errors.PlatformError(status, "SCIM", detail, body=body)
