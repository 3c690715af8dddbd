"""Whether a model version is there, which files it consists of, and one digest for all of them.

For the copy, which must prove itself, and for what scores and serves, which must know what it is about to load.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict

import mlflow
from databricks.sdk import WorkspaceClient
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from causeway_jobs.folders import Refusal

# The mlflow client writes this file beside MLmodel after each download of a model, to note where the download
# came from [MLF models_artifact_repo.py]. It is the client's, not the version's: a manifest never counts it and a
# copy never carries it (a version that `register_model` or `copy_model_version` made of a download holds one).
DOWNLOAD_NOTE = "registered_model_meta"


class File(TypedDict):
    """One file of a model version: path relative to its root, with `/`, size in bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


class Entry(TypedDict):
    """One file of a model version as a listing tells it; the time of its last change is None where none is told."""

    path: str
    size: int
    modified_at: str | None


def list_entries(workspace: WorkspaceClient, model: str, version: str) -> list[Entry]:
    """The version's files as its folder lists them, without reading one; in no order."""
    root = f"/Models/{model.replace('.', '/')}/{version}"
    found: list[Entry] = []
    waiting = [root]
    while waiting:
        for entry in workspace.files.list_directory_contents(waiting.pop()):
            path, changed = str(entry.path).rstrip("/"), entry.last_modified
            if entry.is_directory:
                waiting.append(path)
                continue
            # Milliseconds since 1970 [SDK].
            at = datetime.fromtimestamp(changed / 1000, UTC).isoformat(timespec="milliseconds") if changed else None
            found.append(Entry(path=path.removeprefix(f"{root}/"), size=entry.file_size or 0, modified_at=at))
    return found


def download(model: str, version: str, folder: Path) -> list[File]:
    """Fetch a version's files into `folder` and return their manifest; nothing is loaded or unpickled.

    Raises mlflow's `MlflowException` or the SDK's `DatabricksError` where the version cannot be read.
    Safe to repeat with an empty folder.
    """
    mlflow.artifacts.download_artifacts(f"models:/{model}/{version}", dst_path=str(folder))
    (folder / DOWNLOAD_NOTE).unlink(missing_ok=True)
    return of_folder(folder)


def fetch(model: str, version: str, wanted: str | None, folder: Path) -> list[File]:
    """As `download`, for a version that is to be used: READY, and with the digest that is wanted, if one is.

    Raises `Refusal` with `model-missing`, or `digest-mismatch` that tells the whole manifest found.
    """
    name = f"{model} version {version}"
    found = find_version(model, version)
    if found is None or found.status != "READY":
        status = found.status if found else None
        detail = f"There is no {name} that is READY and that this identity sees. Nothing was loaded."
        raise Refusal("model-missing", detail, model=model, version=version, status=status)
    files = download(model, version, folder)
    if wanted and digest(files) != wanted:
        detail = f"The files of {name} are not the ones that were asked for. Nothing was loaded."
        raise Refusal("digest-mismatch", detail, expected=wanted, found=digest(files), files=files)
    return files


def find_version(model: str, version: str) -> ModelVersion | None:
    """The registered version, or None where this identity sees none; other refusals are raised as they are."""
    try:
        return MlflowClient().get_model_version(model, version)
    except MlflowException as fault:
        if not is_missing(fault):
            raise
        return None


def is_missing(fault: MlflowException) -> bool:
    """Whether the platform said that there is no such thing: version, model, schema or catalog."""
    return fault.error_code == "NOT_FOUND" or str(fault.error_code).endswith("_DOES_NOT_EXIST")


def of_folder(folder: Path) -> list[File]:
    """The manifest of a local folder, sorted by path."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [_file(path, path.relative_to(folder).as_posix()) for path in paths]
    return sorted(files, key=lambda file: file["path"])


def digest(files: list[File]) -> str:
    """`sha256:<hex>` over the canonical JSON of the sorted list of [path, size, sha256]."""
    rows = sorted([file["path"], file["size"], file["sha256"]] for file in files)
    canonical = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    return "sha256:" + hashlib.sha256(canonical).hexdigest()


def _file(path: Path, name: str) -> File:
    with path.open("rb") as stream:
        return File(path=name, size=path.stat().st_size, sha256=hashlib.file_digest(stream, "sha256").hexdigest())
