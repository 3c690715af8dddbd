"""How a job meets the service: one folder in a volume, `parameters.json` in, `result.json` out.

For the entry points of this package; everything goes through the Files API with the job's own identity.
"""

import argparse
import io
import json
import logging
import sys
from collections.abc import Callable
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound

Job = Callable[[WorkspaceClient, dict[str, Any]], dict[str, Any]]


class Refusal(Exception):
    """An expected failure: a stable code, a detail for people, and fields that a caller can act on."""

    def __init__(self, code: str, detail: str, **fields: Any) -> None:
        super().__init__(detail)
        self.error = {"code": code, "detail": detail, **fields}


def run(job: Job) -> None:
    """Run one job on the folder named by `--folder=` and exit 0, or 1 after a refusal was written.

    Anything but a `Refusal` is raised, so that the platform's own log shows the traceback.
    """
    folder = _folder(sys.argv[1:])
    logging.getLogger("databricks.sdk").setLevel(logging.ERROR)
    workspace = WorkspaceClient()
    parameters = json.loads(read(workspace, f"{folder}/parameters.json"))
    try:
        result = job(workspace, parameters)
    except Refusal as refusal:
        write(workspace, f"{folder}/result.json", {"error": refusal.error})
        print(f"refused: {refusal.error['code']}: {refusal.error['detail']}", flush=True)
        sys.exit(1)
    write(workspace, f"{folder}/result.json", result)
    print("result written", flush=True)


def read(workspace: WorkspaceClient, path: str) -> bytes:
    """The bytes of a file in a volume; raises `FileNotFoundError` where there is none."""
    try:
        contents = workspace.files.download(path).contents
    except NotFound as missing:
        raise FileNotFoundError(path) from missing
    if contents is None:
        raise FileNotFoundError(path)
    with contents:
        return contents.read()


def write(workspace: WorkspaceClient, path: str, content: dict[str, Any]) -> bytes:
    """Write a JSON file in one PUT and return its bytes; a second write of the same path replaces the first."""
    body = json.dumps(content, allow_nan=False).encode()
    workspace.files.upload(path, io.BytesIO(body), overwrite=True)
    return body


def progress(line: str) -> None:
    """Say on stdout, for people, how far the job is."""
    print(line, flush=True)


def _folder(arguments: list[str]) -> str:
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--folder", required=True, help="the step's folder in the project's volume")
    return str(parser.parse_args(arguments).folder).rstrip("/")
