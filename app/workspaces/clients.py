"""How does a call reach a workspace? One client a workspace and time-out; one call is one request; errors are problems.

Building a client asks nobody anything, so that no host can hang whoever needs one.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import requests
import structlog
from databricks.sdk import WorkspaceClient
from databricks.sdk.clock import Clock
from databricks.sdk.config import Config, ConfigAttribute
from databricks.sdk.errors.base import DatabricksError

from app import configuration
from app.configuration import AccessToken, Workspace
from app.errors import UpstreamNotFound, WorkspaceFault, WorkspaceNotFound
from app.workspaces import faults
from app.workspaces.circuits import Circuit
from app.workspaces.credentials import Credentials

HTTP_TIMEOUT_SECONDS = 30.0
log = structlog.get_logger(__name__)


@dataclass
class Connection:
    """A workspace as configured, Causeway's identity in it, whether it answers, and its clients so far, by time-out."""

    configured: Workspace
    credentials: Credentials
    circuit: Circuit = field(default_factory=Circuit)
    clients: dict[float, WorkspaceClient] = field(default_factory=dict)
    control: str | None = None
    sharing_identifier: str | None = None


# The last four: the SDK stumbles over JSON of another shape than it expects [RUN].
_UPSTREAM_ERRORS = (
    *(DatabricksError, requests.RequestException, faults.RetryRefused),
    *(LookupError, TypeError, ValueError, AttributeError),
)
_connections: dict[tuple[str, AccessToken | None], Connection] = {}
_lock = threading.Lock()
_stand_in: ContextVar[AccessToken | None] = ContextVar("stand_in", default=None)


@contextmanager
def connected(
    workspace: str,
    action: str,
    missing: UpstreamNotFound | None = None,
    *,
    timeout_seconds: float = HTTP_TIMEOUT_SECONDS,
) -> Iterator[WorkspaceClient]:
    """A client for `action` ("creating share x"); errors leave the block as problems; `missing` is what 404 means.

    Each call of the client is one request, plus one for a token when none is valid. A refused token is dropped, so that
    the next call fetches a fresh one. Raises `WorkspaceCircuitOpen`, and asks nothing, while the workspace does not
    answer, and `WorkspaceNotFound` when the configuration has no such workspace.
    """
    connection = get_connection(workspace)
    with connection.circuit.guarding(workspace, action), _translating(connection, workspace, action, missing):
        yield _get_client(connection, timeout_seconds)


def get_connection(workspace: str) -> Connection:
    """The connection for the workspace as the configuration describes it now; a changed description makes a new one."""
    configured = configuration.current().workspaces.get(workspace)
    if configured is None:
        raise WorkspaceNotFound(workspace=workspace)
    stand_in = _stand_in.get()
    if stand_in is not None:
        configured = configured.model_copy(update={"auth": stand_in})
    with _lock:
        known = _connections.get((workspace, stand_in))
        if known is None or known.configured != configured:
            known = _connections[workspace, stand_in] = Connection(configured, Credentials(workspace, configured))
        return known


@contextmanager
def asking_as(token: AccessToken) -> Iterator[None]:
    """What is asked in this block is asked with `token`, and not as control.

    For an admin at a command line, whom the platform tells more; nothing that serves requests may use it.
    """
    before = _stand_in.set(token)
    try:
        yield
    finally:
        _stand_in.reset(before)


def list_unanswering() -> list[str]:
    """The workspaces that, as they are configured now, left the last calls of control in this process unanswered."""
    described = configuration.current().workspaces
    with _lock:
        known = {name: _connections.get((name, None)) for name in described}
    return sorted(
        name for name, one in known.items() if one and one.configured == described[name] and one.circuit.is_open
    )


@contextmanager
def _translating(
    connection: Connection, workspace: str, action: str, missing: UpstreamNotFound | None
) -> Iterator[None]:
    try:
        yield
    except _UPSTREAM_ERRORS as error:
        if faults.is_stale_token(error):
            connection.credentials.forget()
        problem = faults.as_problem(error, workspace, action, missing)
        if isinstance(problem, WorkspaceFault):
            log.warning("workspace fault", workspace=workspace, action=action, error=f"{type(error).__name__}: {error}")
        raise problem from error


def _get_client(connection: Connection, timeout_seconds: float) -> WorkspaceClient:
    with _lock:
        if timeout_seconds not in connection.clients:
            config = _OfflineConfig(
                host=connection.configured.host,
                credentials_strategy=connection.credentials,
                http_timeout_seconds=timeout_seconds,
                clock=_NoSleep(),
                product="causeway",
                product_version="0.1.0",
            )
            client = connection.clients[timeout_seconds] = WorkspaceClient(config=config)
            client.api_client._api_client._session.hooks["response"].append(_tell_seconds)
        return connection.clients[timeout_seconds]


def _tell_seconds(response: requests.Response, **_: Any) -> None:
    """The SDK reads Retry-After as a number alone, and takes a date for one second [SDK]."""
    if not response.headers.get("Retry-After", "0").isdigit():
        response.headers["Retry-After"] = str(faults.read_retry_after(response.headers))


class _OfflineConfig(Config):
    """The SDK's configuration from its arguments alone: no discovery call, no DATABRICKS_* variable, no profile."""

    @classmethod
    def attributes(cls) -> Iterable[ConfigAttribute]:
        """The base's own: the SDK looks for them in the very class that it is asked of [RUN]."""
        return Config.attributes()

    def _resolve_host_metadata(self) -> None:
        """Ask nobody: the SDK's own asks the host, and repeats it for up to five minutes [SDK]."""

    def _load_from_env(self) -> None:
        """Take nothing from the environment: a stray DATABRICKS_TOKEN would join what is configured [RUN]."""

    def _known_file_config_loader(self) -> None:
        """Take nothing from ~/.databrickscfg."""

    def wrap_debug_info(self, message: str) -> str:
        """Leave a refusal's message alone: the SDK's own adds the host and the client's id to it [SDK]."""
        return message


class _NoSleep(Clock):
    """A clock that ends the SDK's retry loop, which repeats POSTs too, at its first pause [RUN]."""

    def time(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        raise faults.RetryRefused
