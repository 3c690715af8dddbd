"""What does a model version say of itself? Its signature, requirements and input example, read as YAML, text and JSON.

Nothing here loads a model: a model is somebody else's program.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from app.errors import WorkspaceFault
from app.workspaces import files
from app.workspaces.files import FolderEntry

LIMIT_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class Column:
    """One input or output of a model; a tensor has its type and shape in `type`, and an output often has no name."""

    name: str | None
    type: str
    required: bool


@dataclass(frozen=True)
class Description:
    """What `MLmodel` states; `inputs` and `outputs` are empty when the version has no signature.

    `example_path` is the input example as an endpoint takes it; `examples` are all files that hold it.
    """

    inputs: list[Column]
    outputs: list[Column]
    flavours: list[str]
    mlflow_version: str | None
    run_id: str | None
    example_path: str | None
    examples: list[str] = field(default_factory=list)

    @property
    def has_signature(self) -> bool:
        """Whether both sides are described, as serving and sharing need."""
        return bool(self.inputs and self.outputs)


def get_description(workspace: str, model: str, version: int) -> Description:
    """What the version's `MLmodel` file states; raises `DataNotFound` when the version has none."""
    path = _path(model, version, "MLmodel")
    content = files.get_content(workspace, path, limit_bytes=LIMIT_BYTES)
    stated = _parse(yaml.safe_load, content, workspace, path)
    signature = stated.get("signature") or {}
    example = stated.get("saved_input_example_info") or {}
    return Description(
        inputs=_read_columns(signature.get("inputs"), workspace, path),
        outputs=_read_columns(signature.get("outputs"), workspace, path),
        flavours=sorted(stated.get("flavors") or {}),
        mlflow_version=stated.get("mlflow_version"),
        run_id=stated.get("run_id"),
        example_path=example.get("serving_input_path"),
        examples=sorted({str(example[key]) for key in ("artifact_path", "serving_input_path") if example.get(key)}),
    )


def list_example_columns(workspace: str, model: str, version: int, path: str) -> list[str]:
    """The columns of the input example in this file; empty when it is not there, or no table."""
    content = files.find_content(workspace, _path(model, version, path), limit_bytes=LIMIT_BYTES)
    try:
        stated = json.loads(content or b"{}")
    except ValueError:
        return []
    # As an endpoint takes it, or as MLflow writes a table of pandas.
    split = stated.get("dataframe_split", stated) if isinstance(stated, dict) else None
    columns = split.get("columns") if isinstance(split, dict) else None
    return [str(column) for column in columns] if isinstance(columns, list) else []


def list_requirements(workspace: str, model: str, version: int) -> list[str]:
    """The lines of the version's `requirements.txt`, without comments; empty when it has none."""
    path = _path(model, version, "requirements.txt")
    content = files.find_content(workspace, path, limit_bytes=LIMIT_BYTES) or b""
    lines = _parse(lambda text: {"lines": text.decode().splitlines()}, content, workspace, path)["lines"]
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def find_input_example(workspace: str, model: str, version: int) -> dict[str, Any] | None:
    """The version's own example as a body for its endpoint (`{"dataframe_split": …}`), or None when it has none."""
    path = get_description(workspace, model, version).example_path
    if not path:
        return None
    content = files.find_content(workspace, _path(model, version, path), limit_bytes=LIMIT_BYTES)
    return None if content is None else _parse(json.loads, content, workspace, path)


def list_files(workspace: str, model: str, version: int) -> list[FolderEntry]:
    """Every file of the version with its size, by its path below the version's own folder; raises `DataNotFound`."""
    root = _path(model, version, "")
    found: list[FolderEntry] = []
    waiting = [root.rstrip("/")]
    while waiting:
        for entry in files.list_folder(workspace, waiting.pop()):
            if entry.is_folder:
                waiting.append(entry.path)
            else:
                found.append(replace(entry, path=entry.path.removeprefix(root)))
    return sorted(found, key=lambda entry: entry.path)


def list_plain_digests(workspace: str, model: str, version: int) -> dict[str, str]:
    """The SHA-256 of the version's small plain files that are there: what it says of itself and what it needs."""
    digests = {}
    for name in ("MLmodel", "requirements.txt"):
        content = files.find_content(workspace, _path(model, version, name), limit_bytes=LIMIT_BYTES)
        if content is not None:
            digests[name] = hashlib.sha256(content).hexdigest()
    return digests


def _path(model: str, version: int, name: str) -> str:
    return f"/Models/{model.replace('.', '/')}/{version}/{name}"


def _parse(parse: Callable[[bytes], Any], content: bytes, workspace: str, path: str) -> dict[str, Any]:
    try:
        parsed = parse(content)
    except (ValueError, yaml.YAMLError) as error:
        raise WorkspaceFault(workspace=workspace, action=f"reading {path}") from error
    if not isinstance(parsed, dict):
        raise WorkspaceFault(workspace=workspace, action=f"reading {path}")
    return parsed


def _read_columns(stated: Any, workspace: str, path: str) -> list[Column]:
    # MLflow keeps each side as JSON text inside the YAML [MLF].
    if not stated:
        return []
    columns = _parse(lambda text: {"columns": json.loads(text)}, str(stated).encode(), workspace, path)["columns"]
    return [_as_column(column) for column in columns if isinstance(column, dict)]


def _as_column(column: dict[str, Any]) -> Column:
    kind = str(column.get("type"))
    if kind == "tensor":
        spec = column.get("tensor-spec") or {}
        kind = f"tensor({spec.get('dtype')}, {spec.get('shape')})"
    return Column(name=column.get("name"), type=kind, required=bool(column.get("required", True)))
