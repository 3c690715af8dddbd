"""How would an admin mend it by hand? `curl` lines for bash, with $NAME_HOST and $NAME_TOKEN, and never a secret.

Each may be run again: what is there already is left alone. Values come from the configuration and from the workspace,
and are quoted. No token is seen in a list of processes.
"""

from __future__ import annotations

import json
import re
from shlex import quote
from typing import Any
from urllib.parse import quote as escape

from app.workspaces.identities import SCIM
from app.workspaces.preflight import RULES, RUN_AS_ROLE

UC = "/api/2.1/unity-catalog"
KINDS = {"catalog": "catalogs", "schema": "schemas", "volume": "volumes"}
PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"


def call(workspace: str, method: str, path: str, body: dict[str, Any] | None = None) -> str:
    """One request; its answer goes to standard output."""
    return _curl(workspace, method, quote(path), None if body is None else quote(json.dumps(body)))


def ensure(workspace: str, kind: str, name: str) -> list[str]:
    """The catalog, schema or volume, made if there is none, after the parents that it lies in."""
    parts = name.split(".")
    parents = [("catalog", parts[0]), ("schema", ".".join(parts[:2]))][: len(parts) - 1]
    return [_ensure(workspace, *one) for one in [*parents, (kind, name)]]


def own(workspace: str, kind: str, name: str, owner: str) -> str:
    """The object belongs to `owner` from now on."""
    return call(workspace, "PATCH", f"{UC}/{KINDS[kind]}/{name}", {"owner": owner})


def own_if_there(workspace: str, kind: str, name: str, owner: str) -> str:
    """The same for what may not be there."""
    return f"! {_is_there(workspace, f'{UC}/{KINDS[kind]}/{name}')} || {own(workspace, kind, name, owner)}"


def grant(workspace: str, kind: str, name: str, principal: str, privileges: list[str]) -> list[str]:
    """The principal gets the privileges on the object; a metastore's name is its id, or empty for the workspace's."""
    return _change(workspace, kind, name, {"principal": principal, "add": privileges})


def revoke(workspace: str, kind: str, name: str, principal: str, privileges: list[str]) -> list[str]:
    """The principal loses the privileges that it was granted on the object itself."""
    return _change(workspace, kind, name, {"principal": principal, "remove": privileges})


def ensure_service_principal(workspace: str, application_id: str | None, display_name: str) -> list[str]:
    """The service principal, which may work in the workspace; one of no given id is known by its display name.

    Where the platform takes an id with a new service principal, it gets this one; elsewhere the account must have it.
    """
    given = {"applicationId": application_id} if application_id else {}
    entitled = {"displayName": display_name, "entitlements": [{"value": "workspace-access"}]}
    make = call(workspace, "POST", f"{SCIM}/ServicePrincipals", {**given, **entitled})
    known = _filter("applicationId", application_id) if application_id else _filter("displayName", display_name)
    found = _curl(workspace, "GET", quote(known))
    return [f"{found} | grep -q '\"applicationId\"' || {make}"]


def entitle(workspace: str, application_id: str) -> list[str]:
    """The service principal may work in the workspace."""
    add = {"op": "add", "path": "entitlements", "value": [{"value": "workspace-access"}]}
    body = quote(json.dumps({"schemas": [PATCH_SCHEMA], "Operations": [add]}))
    path = f'{quote(f"{SCIM}/ServicePrincipals/")}"$id"'
    return [_read_id(workspace, application_id), _curl(workspace, "PATCH", path, body)]


def make_secret(workspace: str, application_id: str, variable: str) -> list[str]:
    """A new OAuth secret, put as `variable` at the end of $ENV_FILE, which only its owner may read."""
    path = '/api/2.0/accounts/servicePrincipals/"$id"/credentials/secrets'
    file = '"${ENV_FILE:-causeway.env}"'
    secret = f"$({_curl(workspace, 'POST', path)} | {_text('secret')})"
    return [
        _read_id(workspace, application_id),
        f"(umask 077; touch {file}; chmod 600 {file}; printf '%s=%s\\n' {quote(variable)} \"{secret}\" >> {file})",
    ]


def let_run_as(workspace: str, user: str, used: str) -> list[str]:
    """The one service principal may run jobs as the other; the rules that are there stay."""
    rule = json.dumps({"role": RUN_AS_ROLE, "principals": [f"servicePrincipals/{user}"]})
    key = '"grant_rules": *\\['
    # Into a list that is empty, into one that is not, or as a new list.
    rule = re.sub(r"([#&\\])", r"\\\1", rule)
    insert = f's#{key} *\\]#"grant_rules": [{rule}]#; t; s#{key}#&{rule}, #; t; '
    insert += f's#}}[[:space:]]*$#, "grant_rules": [{rule}]}}#'
    name = f'accounts/"$account"/servicePrincipals/{quote(used)}/ruleSets/default'
    account = f"account=$(curl -fsS {_host(workspace)}/.well-known/databricks-config | {_text('account_id')})"
    read = _curl(workspace, "GET", f"{RULES}'?name='{name.replace('/', '%2F')}'&etag='")
    body = '"{\\"name\\": \\"$name\\", \\"rule_set\\": $rules}"'
    return [
        account,
        f"name={name}",
        f"rules=$({read} | sed {quote(insert)})",
        _curl(workspace, "PUT", RULES, body),
    ]


def assign_metastore(workspace: str) -> str:
    """An account admin attaches the workspace to a metastore; both ids are theirs to look up."""
    prefix = workspace.upper()
    path = f'{UC}/workspaces/"${{{prefix}_WORKSPACE_ID:?}}"/metastore'
    body = f'"{{\\"metastore_id\\": \\"${{{prefix}_METASTORE_ID:?}}\\", \\"default_catalog_name\\": \\"main\\"}}"'
    return _curl(workspace, "PUT", path, body)


def share_externally(workspace: str) -> list[str]:
    """The metastore may share with other accounts. The platform wants a life time of tokens, which we do not use."""
    scope = {"delta_sharing_scope": "INTERNAL_AND_EXTERNAL", "delta_sharing_recipient_token_lifetime_in_seconds": 86400}
    path = f'{UC}/metastores/"$metastore"'
    return [_read_metastore(workspace), _curl(workspace, "PATCH", path, quote(json.dumps(scope)))]


def let_use_warehouse(workspace: str, warehouse: str, application_id: str) -> str:
    """The service principal may use the SQL warehouse."""
    entry = {"service_principal_name": application_id, "permission_level": "CAN_USE"}
    return call(workspace, "PATCH", f"/api/2.0/permissions/warehouses/{warehouse}", {"access_control_list": [entry]})


def _ensure(workspace: str, kind: str, name: str) -> str:
    parent, _, last = name.rpartition(".")
    body: dict[str, str] = {"name": last}
    if kind == "schema":
        body = {"catalog_name": parent, **body}
    elif kind == "volume":
        catalog, schema = parent.split(".")
        body = {"catalog_name": catalog, "schema_name": schema, **body, "volume_type": "MANAGED"}
    make = call(workspace, "POST", f"{UC}/{KINDS[kind]}", body)
    return f"{_is_there(workspace, f'{UC}/{KINDS[kind]}/{name}')} || {make}"


def _change(workspace: str, kind: str, name: str, change: dict[str, Any]) -> list[str]:
    body = quote(json.dumps({"changes": [change]}))
    if kind != "metastore" or name:
        return [_curl(workspace, "PATCH", quote(f"{UC}/permissions/{kind}/{name}"), body)]
    path = f'{UC}/permissions/metastore/"$metastore"'
    return [_read_metastore(workspace), _curl(workspace, "PATCH", path, body)]


def _read_metastore(workspace: str) -> str:
    summary = _curl(workspace, "GET", f"{UC}/metastore_summary")
    return f"metastore=$({summary} | {_text('metastore_id')})"


def _read_id(workspace: str, application_id: str) -> str:
    found = _curl(workspace, "GET", quote(_filter("applicationId", application_id)))
    return f"id=$({found} | {_text('id')})"


def _filter(attribute: str, value: str) -> str:
    return f"{SCIM}/ServicePrincipals?filter=" + escape(f'{attribute} eq "{value}"')


def _text(name: str) -> str:
    """The first "NAME": "…" of the JSON on standard input."""
    return f'grep -o \'"{name}": *"[^"]*"\' | head -n 1 | cut -d \'"\' -f 4'


def _is_there(workspace: str, path: str) -> str:
    return f"curl -sf -o /dev/null {_host(workspace)}{quote(path)} {_authorization(workspace)}"


def _curl(workspace: str, method: str, path: str, body: str | None = None) -> str:
    sent = "" if body is None else f" -H 'Content-Type: application/json' -d {body}"
    verb = "" if method == "GET" else f" -X {method}"
    return f"curl -sS --fail-with-body{verb} {_host(workspace)}{path} {_authorization(workspace)}{sent}"


def _host(workspace: str) -> str:
    return f'"${workspace.upper()}_HOST"'


def _authorization(workspace: str) -> str:
    return f"-H @<(printf 'Authorization: Bearer %s' \"${workspace.upper()}_TOKEN\")"
