"""Why was a served model not built or started? The last lines of its two logs, and the causes that they often show."""

from __future__ import annotations

import re
from typing import Literal

from app.errors import EndpointNotFound
from app.workspaces import faults
from app.workspaces.clients import connected

LAST_LINES = 40

# The first of these that the logs show counts: a package that is missing later fails an import, not the other way.
_CAUSES = (
    (
        "Could not find a version that satisfies the requirement|No matching distribution",
        "a required package is not found",
    ),
    ("requires a different Python|Requires-Python|requires Python", "a required package is for another Python"),
    ("ResolutionImpossible|conflicting dependencies|ResolvePackageNotFound", "the requirements contradict each other"),
    (
        "name resolution|Failed to establish a new connection|ConnectTimeoutError|ProxyError",
        "no package index is reached",
    ),
    ("Failed building wheel|error: command .* failed", "a required package has to be compiled and cannot be"),
    ("No space left on device", "the model and its packages do not fit on the disk"),
    ("OOMKilled|[Oo]ut of memory|MemoryError|(exit code|status)[: ]+137", "the model needs more memory than it has"),
    ("cannot open shared object file", "a system library is missing"),
    ("No module named", "the model imports a package that its requirements leave out"),
    ("ImportError|cannot import name", "the model imports what its packages do not have"),
    (
        "UnpicklingError|Can't get attribute|incompatible dtype",
        "the model was saved with other versions of its packages",
    ),
    ("PERMISSION_DENIED|AccessDenied|AuthorizationPermissionMismatch", "the model's files may not be read"),
    ("DOES_NOT_EXIST|No such file or directory", "the model's files are not there"),
    ("[Tt]imed out|did not become (ready|healthy)", "the model did not start in time"),
)


def list_last_lines(workspace: str, endpoint: str, served: str, log: Literal["build", "server"]) -> list[str]:
    """The last lines of one log of a served model; empty when there is none (yet, or any more)."""
    missing = faults.make_missing(EndpointNotFound, workspace, "endpoint", endpoint)
    faults.make_missing(EndpointNotFound, workspace, "served model", served)
    try:
        with connected(workspace, f"reading the {log} log of {served} in endpoint {endpoint}", missing) as client:
            api = client.serving_endpoints
            said = (api.build_logs if log == "build" else api.logs)(endpoint, served).logs
    except EndpointNotFound:
        return []
    return [line.rstrip() for line in (said or "").splitlines() if line.strip()][-LAST_LINES:]


def find_cause(lines: list[str]) -> str | None:
    """The recognised cause as half a sentence, or None when the lines show none of those that are known."""
    text = "\n".join(lines)
    return next((cause for pattern, cause in _CAUSES if re.search(pattern, text)), None)
