"""Where do the bytes lie? Folders under the state folder, by ids that never come again, and URIs to show for them."""

import shutil
from pathlib import Path

from app.sandbox.world import World

_SCHEMES = {"aws": "s3://sandbox-{metastore}", "azure": "abfss://sandbox@{metastore}.dfs.example"}


def volume_folder(world: World, metastore: str, volume_id: str) -> Path:
    """The files of a volume."""
    return world.folder / "files" / metastore / "volumes" / volume_id


def model_folder(world: World, metastore: str, model_id: str, version: int | None = None) -> Path:
    """The files of a registered model, or of one of its versions."""
    folder = world.folder / "files" / metastore / "models" / model_id
    return folder if version is None else folder / str(version)


def experiments_folder(world: World, workspace: str) -> Path:
    """The artifacts of a workspace's runs and logged models, by experiment id."""
    return world.folder / "files" / workspace / "experiments"


def uploads_folder(world: World) -> Path:
    """Files on their way in, on the same file system as all others: what is complete is moved, never copied."""
    folder = world.folder / "files" / "uploads"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def show(world: World, metastore: str, *parts: str) -> str:
    """The cloud URI that the platform would show; nothing can be read there."""
    root = _SCHEMES[world.metastores[metastore].cloud].format(metastore=world.metastores[metastore].id)
    return "/".join([root, *parts])


def erase(folder: Path) -> None:
    """The folder and all in it are gone; no matter whether they were there."""
    shutil.rmtree(folder, ignore_errors=True)
