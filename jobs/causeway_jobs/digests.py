"""The digests job: which bytes do model versions have now? Every file of each is read, nothing is loaded.

Started by the service as `causeway-digests --folder=…` when drift is looked for byte by byte, and when a model is
shared whole; runs as control.
"""

import tempfile
from pathlib import Path
from typing import Any

import mlflow
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors.base import DatabricksError
from mlflow.exceptions import MlflowException

from causeway_jobs import folders, manifest
from causeway_jobs.manifest import File

MESSAGE_LENGTH = 300


def main() -> None:
    """Entry point of the wheel task."""
    folders.run(read)


def read(workspace: WorkspaceClient, parameters: dict[str, Any]) -> dict[str, Any]:
    """The digest of each of the `versions` in `parameters.json`, None for one that this identity does not see.

    With `list_files` the manifest of each as well, empty for such a one. Without, a version that cannot be downloaded
    is `unread`, and keeps no other from being read. Safe to repeat: it changes nothing. One version at a time is on the
    disk.
    """
    mlflow.set_tracking_uri("databricks")
    mlflow.set_registry_uri("databricks-uc")
    found = []
    for one in parameters["versions"]:
        told: dict[str, Any] = {}
        try:
            files = _read(one["model"], str(one["version"]))
        except (MlflowException, DatabricksError, OSError) as fault:
            if parameters.get("list_files"):
                raise
            files, told = None, {"unread": str(fault)[:MESSAGE_LENGTH]}
        if parameters.get("list_files"):
            told = {"files": files or []}
        found.append({**one, "digest": None if files is None else manifest.digest(files), **told})
    return {"versions": found}


def _read(model: str, version: str) -> list[File] | None:
    try:
        if manifest.find_version(model, version) is None:
            return None
    except MlflowException as fault:
        if fault.error_code != "PERMISSION_DENIED":
            raise
        return None
    with tempfile.TemporaryDirectory() as folder:
        files = manifest.download(model, version, Path(folder))
    folders.progress(f"{model} version {version}: {manifest.digest(files)}")
    return files
