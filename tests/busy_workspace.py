"""A configuration whose workspace dev has every file and is too busy for anything else: work there stays under way."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.http.conftest import make_configuration
from tests.workspaces.conftest import Answer, Stub

# A file that only the job can read: accepting the training asks no more than whether it is there.
TRAINING = {
    "project": "bikes",
    "workspace": "dev",
    "data": "/Volumes/main/bikes/files/rides.parquet",
    "target": "bikers",
    "model": "main.bikes.demand",
    "max_trials": 2,
}


@contextmanager
def busy_workspace() -> Iterator[dict[str, Any]]:
    """The other workspaces do not answer at all."""
    dev, content = Stub(), make_configuration()
    busy = {"error_code": "RESOURCE_EXHAUSTED", "message": "too many requests"}
    dev.script = lambda asked: Answer() if asked.method == "HEAD" else Answer(429, busy, {"Retry-After": "1"})
    content["workspaces"]["dev"]["host"] = dev.host
    yield content
    dev.stop()
