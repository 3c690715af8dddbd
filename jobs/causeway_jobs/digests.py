"""The digests job: which bytes do model versions have now? Every file of each is read, nothing is loaded.

Started by the service as `causeway-digests --folder=…` when drift is looked for byte by byte; runs as control.
"""

import tempfile
from pathlib import Path
from typing import Any

import mlflow
from databricks.sdk import WorkspaceClient
from mlflow.exceptions import MlflowException

from causeway_jobs import folders, manifest


def main() -> None:
    """Entry point of the wheel task."""
    folders.run(read)


def read(workspace: WorkspaceClient, parameters: dict[str, Any]) -> dict[str, Any]:
    """The digest of each of the `versions` in `parameters.json`, None for one that this identity does not see.

    Safe to repeat: it changes nothing. One version at a time is on the disk.
    """
    mlflow.set_tracking_uri("databricks")
    mlflow.set_registry_uri("databricks-uc")
    return {"versions": [{**one, "digest": _read(one["model"], str(one["version"]))} for one in parameters["versions"]]}


def _read(model: str, version: str) -> str | None:
    try:
        if manifest.find_version(model, version) is None:
            return None
    except MlflowException as fault:
        if fault.error_code != "PERMISSION_DENIED":
            raise
        return None
    with tempfile.TemporaryDirectory() as folder:
        digest = manifest.digest(manifest.download(model, version, Path(folder)))
    folders.progress(f"{model} version {version}: {digest}")
    return digest
