"""What has a workspace to offer before anything is begun there? One request a question, with a short time-out each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.errors import UpstreamNotFound
from app.workspaces import faults
from app.workspaces.clients import connected
from app.workspaces.pages import as_time

RUN_AS_ROLE = "roles/servicePrincipal.user"
RULES = "/api/2.0/preview/accounts/access-control/rule-sets"


def get_account(workspace: str, *, timeout_seconds: float) -> str:
    """The account that the workspace belongs to, by its discovery document."""
    with connected(workspace, "reading the host's discovery document", timeout_seconds=timeout_seconds) as client:
        told: Any = client.api_client.do("GET", "/.well-known/databricks-config")
        return str(told["account_id"])


def list_users(workspace: str, account: str, application_id: str, *, timeout_seconds: float) -> list[str]:
    """Who may run jobs as the service principal: application ids, users and groups, as the rule set names them."""
    name = f"accounts/{account}/servicePrincipals/{application_id}/ruleSets/default"
    missing = faults.make_missing(UpstreamNotFound, workspace, "service principal", application_id)
    with connected(
        workspace, f"reading the rules on {application_id}", missing, timeout_seconds=timeout_seconds
    ) as one:
        rules = one.account_access_control_proxy.get_rule_set(name, "").grant_rules or []
        return [user for rule in rules if rule.role == RUN_AS_ROLE for user in rule.principals or []]


def list_secret_ends(workspace: str, principal_id: str, *, timeout_seconds: float) -> list[datetime]:
    """When the OAuth secrets of a service principal (by its numeric id) end, those that have not."""
    path = f"/api/2.0/accounts/servicePrincipals/{principal_id}/credentials/secrets"
    with connected(workspace, "listing the secrets of Causeway's identity", timeout_seconds=timeout_seconds) as client:
        told: Any = client.api_client.do("GET", path)
        ends = [datetime.fromisoformat(one["expire_time"]) for one in told.get("secrets") or [] if "expire_time" in one]
        return sorted(end for end in ends if end > datetime.now(UTC))


def list_token_ends(workspace: str, *, timeout_seconds: float) -> list[datetime | None]:
    """When Causeway's own personal access tokens end; None is never. Which of them it uses is not told [SDK]."""
    with connected(workspace, "listing Causeway's own tokens", timeout_seconds=timeout_seconds) as client:
        told: Any = client.api_client.do("GET", "/api/2.0/token/list")
        times = [one.get("expiry_time", -1) for one in told.get("token_infos") or []]
        return [None if time < 0 else as_time(time) for time in times]


def get_warehouse_state(workspace: str, warehouse: str, *, timeout_seconds: float) -> str:
    """RUNNING, STOPPED, DELETED and so on; a stopped one starts with its first statement [INF]."""
    missing = faults.make_missing(UpstreamNotFound, workspace, "SQL warehouse", warehouse)
    with connected(workspace, f"reading warehouse {warehouse}", missing, timeout_seconds=timeout_seconds) as client:
        state = client.warehouses.get(warehouse).state
        return state.value if state else "UNKNOWN"


def list_runtimes(workspace: str, *, timeout_seconds: float) -> list[str]:
    """The keys of the Databricks Runtime versions that a cluster may have."""
    with connected(workspace, "listing runtime versions", timeout_seconds=timeout_seconds) as client:
        return [str(one.key) for one in client.clusters.spark_versions().versions or []]


def count_endpoints(workspace: str, *, timeout_seconds: float) -> int:
    """How many serving endpoints Causeway sees there: serving is available where the question is answered."""
    with connected(workspace, "listing serving endpoints", timeout_seconds=timeout_seconds) as client:
        told: Any = client.api_client.do("GET", "/api/2.0/serving-endpoints")
        return len(told.get("endpoints") or [])
