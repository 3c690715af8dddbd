"""The copy job: a vetted copy of a model version under another name, proved file by file.

Started by the service as `causeway-copy --folder=…`; runs as control, since nothing is loaded or unpickled.
"""

import tempfile
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow
from databricks.sdk import WorkspaceClient
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model

from causeway_jobs import folders, manifest, scan
from causeway_jobs.folders import Refusal
from causeway_jobs.manifest import Entry, File


def main() -> None:
    """Entry point of the wheel task."""
    folders.run(copy_all)


def copy_all(workspace: WorkspaceClient, parameters: dict[str, Any]) -> dict[str, Any]:
    """Make, or find, the one copy that `parameters.json` asks for, or each of its `copies` in turn."""
    if "copies" not in parameters:
        return copy(workspace, parameters)
    return {"copies": [copy(workspace, one) for one in parameters["copies"]]}


def copy(workspace: WorkspaceClient, parameters: dict[str, Any]) -> dict[str, Any]:
    """Make, or find, the copy that is asked for and return what `result.json` says of it.

    Safe to repeat: an earlier try with the same source and digest is reused, broken ones are removed.
    Raises `Refusal` with `source-missing`, `source-not-ready`, `source-changed` (where `files` are asked for),
    `digest-mismatch` (where a `digest` is), `unsafe-code`, `target-refused` or `copy-differs`.
    """
    mlflow.set_tracking_uri("databricks")
    mlflow.set_registry_uri("databricks-uc")
    client = MlflowClient()
    source, target = parameters["source"], parameters["target"]["model"]
    found = _check_source(source)
    with tempfile.TemporaryDirectory() as folder:
        files = manifest.download(source["model"], str(source["version"]), Path(folder))
        digest = manifest.digest(files)
        folders.progress(f"source has {len(files)} files, {digest}")
        _check_files(workspace, source, parameters.get("files"))
        _check_digest(source, files, parameters.get("digest"))
        if parameters.get("scan"):
            _check_code(Path(folder), source)
        described = _describe(Path(folder), found)
        _ensure_model(client, target)
        earlier, removed = _settle_earlier_tries(client, source, target, digest, _list_promised(parameters, digest))
        version = earlier or _create(client, parameters, digest, folder)
    if earlier is None:
        _prove(client, target, version, files)
    _carry_words(client, parameters, version)
    folders.progress(f"{target} version {version} {'found' if earlier else 'made and proved'}")
    return {
        "model": target,
        "version": int(version),
        "digest": digest,
        "files": files,
        "reused": earlier is not None,
        "removed": [int(number) for number in removed],
        "mlflow": installed("mlflow"),
        **described,
    }


def _check_source(source: dict[str, Any]) -> ModelVersion:
    name = f"{source['model']} version {source['version']}"
    found = manifest.find_version(source["model"], str(source["version"]))
    if found is None:
        raise Refusal("source-missing", f"There is no {name}. Nothing was copied.", source=source)
    if found.status != "READY":
        detail = f"{name} is {found.status}. Only a version that is READY can be copied."
        raise Refusal("source-not-ready", detail, source=source, status=found.status)
    return found


def _check_files(workspace: WorkspaceClient, source: dict[str, Any], wanted: list[Entry] | None) -> None:
    """After they were read, so that what was read is what was looked at: nothing has changed them since."""
    if wanted is None:
        return
    found = manifest.list_entries(workspace, source["model"], str(source["version"]))
    changed = sorted({one["path"] for one in [*found, *wanted] if one not in found or one not in wanted})
    if changed:
        name = f"{source['model']} version {source['version']}"
        detail = f"{len(changed)} files of {name} changed after they were looked at. Nothing was copied."
        raise Refusal("source-changed", detail, source=source, paths=changed)


def _check_digest(source: dict[str, Any], files: list[File], wanted: str | None) -> None:
    found = manifest.digest(files)
    if wanted not in {None, found}:
        name = f"{source['model']} version {source['version']}"
        detail = f"The files of {name} are not those that were promised. Nothing was copied."
        raise Refusal("digest-mismatch", detail, source=source, expected=wanted, found=found, files=files)


def _check_code(folder: Path, source: dict[str, Any]) -> None:
    findings = scan.list_findings(folder)
    if findings:
        detail = f"Loading {source['model']} version {source['version']} might run unsafe code. Nothing was copied."
        raise Refusal("unsafe-code", detail, findings=findings)


def _describe(folder: Path, found: ModelVersion) -> dict[str, Any]:
    """What the version says of itself in plain files and tags, for its model card."""
    path = folder / "requirements.txt"
    lines = [line.strip() for line in path.read_text().splitlines()] if path.exists() else []
    signature = Model.load(str(folder)).signature
    sides = (signature.inputs, signature.outputs) if signature is not None else (None, None)
    inputs, outputs = ([_column(spec) for spec in side.inputs] if side is not None else [] for side in sides)
    return {
        "requirements": [line for line in lines if line and not line.startswith("#")],
        "tags": dict(found.tags),
        "description": found.description or None,
        "inputs": inputs,
        "outputs": outputs,
    }


def _column(spec: Any) -> dict[str, Any]:
    kind = spec.type
    return {"name": spec.name, "type": getattr(kind, "name", None) or str(kind)}


def _ensure_model(client: MlflowClient, target: str) -> None:
    try:
        if not _is_there(client, target):
            _make_model(client, target)
    except MlflowException as fault:
        if fault.error_code != "PERMISSION_DENIED":
            raise
        detail = f"This identity may neither see nor make {target}. Nothing was copied."
        raise Refusal("target-refused", detail, target=target) from fault


def _is_there(client: MlflowClient, target: str) -> bool:
    try:
        client.get_registered_model(target)
    except MlflowException as fault:
        if not manifest.is_missing(fault):
            raise
        return False
    return True


def _make_model(client: MlflowClient, target: str) -> None:
    # There already: by a lost answer, or for another copy a moment ago.
    try:
        client.create_registered_model(target)
    except MlflowException as fault:
        if not str(fault.error_code).endswith("ALREADY_EXISTS"):
            raise


def _list_promised(parameters: dict[str, Any], digest: str) -> set[int]:
    """The versions that stay: those `promised`, and those `listed` (version: digest) as copies of other bytes."""
    listed: dict[str, str] = parameters.get("listed", {})
    return {*parameters.get("promised", []), *(int(version) for version, one in listed.items() if one != digest)}


def _settle_earlier_tries(
    client: MlflowClient, source: dict[str, Any], target: str, digest: str, promised: set[int]
) -> tuple[str | None, list[str]]:
    """The sound earlier copy of this source, if any, and the broken ones, which are deleted here.

    A copy is sound if it is READY, its tag says the digest, and its files do. Versions without Causeway's
    tags, or copied from elsewhere, are left alone, and so are those that are promised: a source that was made anew
    under its old name has copies of before. Search results carry no tags [SDK], hence one read a version.
    """
    sound: str | None = None
    removed = []
    for listed in client.search_model_versions(f"name='{target}'"):
        found = client.get_model_version(target, listed.version)
        if not _is_copy_of(found, source):
            continue
        if _is_sound(found, digest):
            sound = sound or str(found.version)
        elif int(found.version) not in promised:
            client.delete_model_version(target, str(found.version))
            removed.append(str(found.version))
    return sound, removed


def _is_copy_of(found: ModelVersion, source: dict[str, Any]) -> bool:
    origin = (found.tags.get("causeway_source_model"), found.tags.get("causeway_source_version"))
    return origin == (source["model"], str(source["version"]))


def _is_sound(found: ModelVersion, digest: str) -> bool:
    if found.status != "READY" or found.tags.get("causeway_digest") != digest:
        return False
    return manifest.digest(_files_of(found.name, str(found.version))) == digest


def _create(client: MlflowClient, parameters: dict[str, Any], digest: str, folder: str) -> str:
    """Upload the files as a new version.

    From the local folder, not by `copy_model_version`: that one looks the source's run and logged model up in
    tracking (which control may not read, and which failed in several mlflow releases), and its own download
    adds a file to what it uploads. Tags go along, so that a crash leaves no version without its origin.
    """
    source = parameters["source"]
    tags = {
        **parameters.get("carried", {}),
        **parameters["tags"],
        "causeway_source_model": source["model"],
        "causeway_source_version": str(source["version"]),
        "causeway_operation": parameters["operation_id"],
        "causeway_digest": digest,
    }
    created = client.create_model_version(
        parameters["target"]["model"], folder, tags=tags, description=parameters["comment"]
    )
    return str(created.version)


def _carry_words(client: MlflowClient, parameters: dict[str, Any], version: str) -> None:
    """Give the copy exactly this comment, and these tags beside Causeway's own: it may have been made with others."""
    target, wanted = parameters["target"]["model"], {**parameters.get("carried", {}), **parameters["tags"]}
    found = client.get_model_version(target, version)
    if (found.description or "") != parameters["comment"]:
        client.update_model_version(target, version, parameters["comment"])
    tags = found.tags
    for name, value in wanted.items():
        if tags.get(name) != value:
            client.set_model_version_tag(target, version, name, value)
    for name in tags:
        if name not in wanted and not name.startswith("causeway_"):
            client.delete_model_version_tag(target, version, name)


def _prove(client: MlflowClient, target: str, version: str, wanted: list[File]) -> None:
    """Download the copy again and compare; one that differs is deleted."""
    found = _files_of(target, version)
    if found == wanted:
        return
    client.delete_model_version(target, version)
    changed = sorted({file["path"] for file in [*found, *wanted] if file not in found or file not in wanted})
    detail = f"Version {version} of {target} differs from its source in {len(changed)} files. It was deleted."
    raise Refusal("copy-differs", detail, version=int(version), paths=changed)


def _files_of(model: str, version: str) -> list[File]:
    with tempfile.TemporaryDirectory() as folder:
        return manifest.download(model, version, Path(folder))
