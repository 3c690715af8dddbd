"""Who may use which service principal? The user role lets others run jobs as it, the manager role edits."""

import re

from databricks.sdk.service.iam import GrantRule, RuleSetResponse, RuleSetUpdateRequest

from app.sandbox import errors, identity
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.0/preview/accounts/access-control/rule-sets"
_ROLES = {identity.RUN_AS_ROLE, "roles/servicePrincipal.manager"}


@routes.get(PATH, query={"name!": str, "etag": str})
def get_rule_set(call: Call) -> RuleSetResponse:
    """The rules as they are, with the etag that the next update must carry."""
    application_id = _read_name(call, call.query["name"])
    return _shape(call.query["name"], identity.find_rule_set(call.world, call.workspace, application_id))


@routes.add("PUT", PATH, body={"name!": str, "rule_set!": RuleSetUpdateRequest})
def update_rule_set(call: Call) -> RuleSetResponse:
    """Replaces all rules; admins and managers of the service principal may, with the etag of what they read."""
    name, wanted = call.body["name"], call.body["rule_set"]
    application_id = _read_name(call, name)
    current = identity.find_rule_set(call.world, call.workspace, application_id)
    manages = any(
        rule["role"] == "roles/servicePrincipal.manager" and f"servicePrincipals/{call.principal}" in rule["principals"]
        for rule in current["grant_rules"]
    )
    if not manages:
        call.require_admin()
    if wanted.get("etag") != current["etag"]:
        raise errors.PlatformError(409, "RESOURCE_CONFLICT", "The rule set was changed since this etag was given out.")
    rules = wanted.get("grant_rules", [])
    for rule in rules:
        if rule.get("role") not in _ROLES:
            raise errors.invalid(f"Role '{rule.get('role')}' cannot be granted on a service principal.")
        rule.setdefault("principals", [])
    kept = {"grant_rules": rules, "etag": str(int(current["etag"]) + 1)}
    call.state.put("rule-set", call.metastore, application_id, kept)
    call.record("rule-set-changed", application_id, rules=rules)
    return _shape(name, kept)


def _read_name(call: Call, name: str) -> str:
    account = call.workspace.account_id
    found = re.fullmatch(rf"accounts/{account}/servicePrincipals/([^/]+)/ruleSets/default", name)
    if not found:
        raise errors.invalid(f"The sandbox keeps rule sets of service principals of account {account} only: {name}")
    if call.state.find("principal", call.metastore, found[1]) is None:
        raise errors.not_found("service principal", found[1])
    return found[1]


def _shape(name: str, kept: Document) -> RuleSetResponse:
    rules = [GrantRule(role=rule["role"], principals=rule["principals"]) for rule in kept["grant_rules"]]
    return RuleSetResponse(name=name, etag=kept["etag"], grant_rules=rules)
