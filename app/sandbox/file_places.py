"""Where on disk does a path of the Files API lie, and may the caller go there?"""

from dataclasses import dataclass
from pathlib import Path

from app.sandbox import errors, experiment_permissions, models, names, securables, storage
from app.sandbox.unity_models import read_number
from app.sandbox.wire import Call

_ARTIFACTS = ("WorkspaceInternal", "Mlflow", "Artifacts")


@dataclass(frozen=True)
class Location:
    """`path` as the platform writes it, `disk` where it lies; a root (of a volume, of a version) is always there."""

    path: str
    disk: Path
    is_root: bool


def locate(call: Call, path: str, *, writing: bool) -> Location:
    """The place of the path (without its leading slash), after the caller's right to read or write there was asked."""
    parts = tuple(part for part in path.split("/") if part)
    if {".", ".."} & set(parts):
        raise errors.invalid(f"Invalid path: /{path}")
    if parts[:1] == ("Volumes",) and len(parts) >= 4:
        root, below = _open_volume(call, ".".join(parts[1:4]), writing), parts[4:]
    elif parts[:1] == ("Models",) and len(parts) >= 5:
        root, below = _open_version(call, ".".join(parts[1:4]), parts[4], writing), parts[5:]
    elif parts[:3] == _ARTIFACTS and len(parts) >= 4:
        root, below = _open_experiment(call, parts[3], writing), parts[4:]
    else:
        raise errors.invalid(f"Invalid path: only volumes, models and artifacts of experiments are here: /{path}")
    return Location("/" + "/".join(parts), root.joinpath(*below), is_root=not below)


def _open_volume(call: Call, full_name: str, writing: bool) -> Path:
    name = names.full(full_name, 3)
    volume = securables.get(call, "volume", name)
    call.require("WRITE_VOLUME" if writing else "READ_VOLUME", "volume", name)
    return storage.volume_folder(call.world, call.metastore, volume["id"])


def _open_version(call: Call, full_name: str, number: str, writing: bool) -> Path:
    model = (models.get_own if writing else models.get)(call, full_name)
    version = models.find_version(call, model, read_number(number))
    if writing and version.document["status"] != models.PENDING:
        raise errors.denied(f"The files of version {number} of '{model.name}' are final.")
    return models.get_folder(call, version)


def _open_experiment(call: Call, experiment_id: str, writing: bool) -> Path:
    experiment_permissions.require(call, experiment_id, "CAN_EDIT" if writing else "CAN_READ")
    return storage.experiments_folder(call.world, call.workspace.name) / experiment_id
