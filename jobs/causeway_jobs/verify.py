"""The verification job: are a version's bytes those that were published? Every file is read, nothing is loaded.

Started by the service as `causeway-verify --folder=…`, before a version is served; runs as control.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import mlflow
from databricks.sdk import WorkspaceClient

from causeway_jobs import folders, manifest


def main() -> None:
    """Entry point of the wheel task."""
    folders.run(verify)


def verify(workspace: WorkspaceClient, parameters: dict[str, Any]) -> dict[str, Any]:
    """Hold a version's files to the digest in `parameters.json` and return the content of `result.json`.

    Raises `Refusal` with `model-missing` or `digest-mismatch`. Safe to repeat: it changes nothing.
    """
    mlflow.set_tracking_uri("databricks")
    mlflow.set_registry_uri("databricks-uc")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        files = manifest.fetch(parameters["model"], str(parameters["version"]), parameters["digest"], Path(folder))
    folders.progress(f"{parameters['model']} version {parameters['version']} has the bytes that were published")
    return {
        "digest": manifest.digest(files),
        "files": len(files),
        "bytes": sum(file["size"] for file in files),
        "seconds": round(time.monotonic() - started, 3),
    }
