"""Who is there? SCIM: the caller's own account, and the service principals that an admin makes."""

import re
import uuid
from typing import Any

from databricks.sdk.service.iam import ComplexValue, ServicePrincipal, ServicePrincipalSchema, User, UserSchema
from starlette.responses import JSONResponse

from app.sandbox import errors
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
BASE = "/api/2.0/preview/scim/v2/ServicePrincipals"
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
        groups=[ComplexValue(display="admins")] if known["admin"] else None,
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
        "entitlements": [object],
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
    }
    call.state.put("principal", call.metastore, application_id, principal)
    call.record("service-principal-created", application_id, display_name=principal["display_name"])
    return JSONResponse(_shape(application_id, principal).as_dict(), 201)


@routes.get(BASE, query=_LISTING)
def list_service_principals(call: Call) -> dict[str, Any]:
    """All, or those that `applicationId eq "…"` or `displayName eq "…"` names; `startIndex` counts from 1."""
    found = [_shape(*entry) for entry in _list(call)]
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
    return _shape(*find_service_principal(call, call.params["id"]))


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


def _shape(application_id: str, principal: Document) -> ServicePrincipal:
    return ServicePrincipal(
        schemas=[ServicePrincipalSchema.URN_IETF_PARAMS_SCIM_SCHEMAS_CORE_2_0_SERVICE_PRINCIPAL],
        id=principal["id"],
        application_id=application_id,
        display_name=principal["display_name"],
        active=principal["active"],
    )


def _read_filter(text: str) -> tuple[str, str]:
    found = re.fullmatch(r'(applicationId|displayName)\s+eq\s+"?([^"]*)"?', text.strip())
    if not found:
        raise _scim_error(400, f"The sandbox does not know this filter: {text}")
    return found[1], found[2]


def _scim_error(status: int, detail: str) -> errors.PlatformError:
    schema = "urn:ietf:params:scim:api:messages:2.0:Error"
    body = {"schemas": [schema], "detail": detail, "status": str(status)}
    return errors.PlatformError(status, "SCIM", detail, body=body)
