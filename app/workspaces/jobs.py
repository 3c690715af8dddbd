"""How does our own code start inside a workspace? As a wheel in the control volume, with its environment declared."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files as package_files

from databricks.sdk.service.compute import ClusterSpec, DataSecurityMode, Environment, Library, PythonPyPiLibrary
from databricks.sdk.service.jobs import JobEnvironment, JobRunAs, PythonWheelTask, SubmitTask

from app.configuration import Compute
from app.errors import Internal
from app.workspaces import files
from app.workspaces.clients import connected, get_connection

PACKAGE = "causeway_jobs"
TASK = "causeway"


@dataclass(frozen=True)
class Wheel:
    """The package that jobs run, as it was built with this service."""

    name: str
    content: bytes
    digest: str


def ensure_wheel(workspace: str) -> str:
    """The path of our wheel in the workspace's control volume; uploaded once per digest, which the path carries."""
    wheel = get_wheel()
    volume = get_connection(workspace).configured.volume.replace(".", "/")
    path = f"/Volumes/{volume}/wheels/{wheel.digest}/{wheel.name}"
    if files.find_size(workspace, path) != len(wheel.content):
        files.ensure_content(workspace, path, wheel.content)
    return path


def get_pins(job: str) -> list[str]:
    """The exact requirements of the job `train`, `copy`, `verify` or `digests`, as the wheel holds them."""
    with zipfile.ZipFile(io.BytesIO(get_wheel().content)) as wheel:
        lines = wheel.read(f"{PACKAGE}/requirements/{job}.txt").decode().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


@lru_cache
def get_wheel() -> Wheel:
    """The wheel in `app/wheels`, which `make` builds; raises `Internal` when it was not built."""
    folder = package_files("app") / "wheels"
    found = [item for item in folder.iterdir() if item.name.endswith(".whl")] if folder.is_dir() else []
    if len(found) != 1:
        raise Internal(reason="the jobs' wheel was not built")
    content = found[0].read_bytes()
    return Wheel(found[0].name, content, hashlib.sha256(content).hexdigest()[:16])


def ensure_submitted(
    workspace: str,
    entry_point: str,
    *,
    name: str,
    folder: str,
    dependencies: list[str],
    run_as: str | None,
    idempotency_token: str,
    timeout_seconds: int,
) -> int:
    """The run id of a one-time run of `entry_point` with `--folder=<folder>`; the same token names the same run.

    `dependencies` are the wheel's path in the volume and requirements; `run_as` is an application id, None means
    control itself. The token has at most 64 characters; the platform starts one run with it, however often it is
    asked [SDK].
    """
    task = SubmitTask(
        task_key=TASK,
        python_wheel_task=PythonWheelTask(
            package_name=PACKAGE, entry_point=entry_point, named_parameters={"folder": folder}
        ),
    )
    compute = get_connection(workspace).configured.compute
    with connected(workspace, f"starting job {name}") as client:
        started = client.jobs.submit(
            run_name=name,
            tasks=[task],
            environments=_place(task, compute, dependencies, run_as),
            run_as=JobRunAs(service_principal_name=run_as) if run_as else None,
            idempotency_token=idempotency_token,
            timeout_seconds=timeout_seconds,
        )
    return int(started.bind()["run_id"])


def _place(
    task: SubmitTask, compute: Compute, dependencies: list[str], run_as: str | None
) -> list[JobEnvironment] | None:
    if compute.job_cluster is None:
        task.environment_key = TASK
        version = compute.serverless.environment_version if compute.serverless else None
        environment = Environment(environment_version=version or "4", dependencies=dependencies)
        return [JobEnvironment(environment_key=TASK, spec=environment)]
    task.new_cluster = ClusterSpec(
        spark_version=compute.job_cluster.spark_version,
        node_type_id=compute.job_cluster.node_type_id,
        num_workers=0,
        data_security_mode=DataSecurityMode.SINGLE_USER,
        single_user_name=run_as,
        spark_conf={"spark.databricks.cluster.profile": "singleNode", "spark.master": "local[*]"},
        custom_tags={"ResourceClass": "SingleNode"},
    )
    task.libraries = [
        Library(whl=item) if item.endswith(".whl") else Library(pypi=PythonPyPiLibrary(package=item))
        for item in dependencies
    ]
    return None
