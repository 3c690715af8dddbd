"""A file in a volume that a request names: whose volume it is in, and which columns it begins with."""

from __future__ import annotations

import csv
import io
import re

from app.errors import DataEmpty, DataNotFound, NotInProject
from app.workspaces import files

VOLUME_PATH = re.compile(r"/Volumes/([\w-]+)/([\w-]+)/([\w-]+)/((?:[^/\x00]+/)*[^/\x00]+)")
HEADER_BYTES = 64 * 1024


def get_volume_name(project: str, workspace: str, path: str) -> str:
    """The volume of a path such as `/Volumes/main/bikes/files/rides.csv`; what is no such path is not the project's."""
    parts = VOLUME_PATH.fullmatch(path)
    if parts is None or {".", ".."} & set(path.split("/")):
        raise NotInProject(project=project, kind="data", name=path, workspace=workspace)
    return ".".join(parts.group(1, 2, 3))


def list_columns(workspace: str, path: str) -> list[str]:
    """The columns of a CSV file; other kinds have none that the service reads. Raises `DataNotFound`, `DataEmpty`."""
    size = files.find_size(workspace, path)
    if size is None:
        raise DataNotFound(workspace=workspace, kind="file", name=path)
    if size == 0:
        raise DataEmpty(workspace=workspace, data=path)
    if not path.lower().endswith(".csv"):
        return []
    head = files.get_head(workspace, path, HEADER_BYTES).decode("utf-8-sig", errors="replace")
    columns = next(csv.reader(io.StringIO(head)), [])
    if not columns:
        raise DataEmpty(workspace=workspace, data=path)
    return columns
