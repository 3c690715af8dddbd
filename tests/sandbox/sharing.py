"""What tests of shares, endpoints and jobs need again and again, done by the real clients."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from databricks.sdk.errors import NotFound
from databricks.sdk.service.sharing import (
    AuthenticationType,
    PermissionsChange,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
)
from sklearn.linear_model import LinearRegression

from tests.sandbox.running import Sandbox, unique

# A metastore takes one recipient for each sharing identifier, so all tests use the same.
RECIPIENT = "prod"
DEADLINE_SECONDS = 60


def wait_for(condition: Callable[[], Any], deadline_seconds: float = DEADLINE_SECONDS) -> Any:
    """The first true answer of the condition."""
    deadline = time.monotonic() + deadline_seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return answer


def ensure_recipient(sandbox: Sandbox) -> str:
    """B's metastore as a recipient in A, owned by A's admin."""
    admin = sandbox.client("dev")
    try:
        admin.recipients.get(RECIPIENT)
    except NotFound:
        identifier = sandbox.workspaces["prod"]["global_metastore_id"]
        admin.recipients.create(RECIPIENT, AuthenticationType.DATABRICKS, data_recipient_global_metastore_id=identifier)
    return RECIPIENT


def added(model: str, **fields: Any) -> list[SharedDataObjectUpdate]:
    """The update that adds a model to a share."""
    return changed(SharedDataObjectUpdateAction.ADD, model, **fields)


def changed(action: SharedDataObjectUpdateAction, model: str, **fields: Any) -> list[SharedDataObjectUpdate]:
    """An update of one model in a share."""
    shared = SharedDataObject(name=model, data_object_type=SharedDataObjectDataObjectType.MODEL, **fields)
    return [SharedDataObjectUpdate(action=action, data_object=shared)]


def selecting(recipient: str) -> list[PermissionsChange]:
    """The change that grants SELECT."""
    return [PermissionsChange(principal=recipient, add=["SELECT"])]


def share_model(sandbox: Sandbox, model: str, client: Any = None) -> str:
    """A new share with the model in it as `models.m`, granted to B."""
    admin, share = client or sandbox.client("dev"), unique("share")
    admin.shares.create(share)
    admin.shares.update(share, updates=added(model, string_shared_as="models.m"))
    admin.shares.update_permissions(share, changes=selecting(ensure_recipient(sandbox)))
    return share


def provider_name(sandbox: Sandbox, client: Any = None) -> str:
    """What A is called in B."""
    identifier = sandbox.workspaces["dev"]["global_metastore_id"]
    [found] = (client or sandbox.client("prod")).providers.list(data_provider_global_metastore_id=identifier)
    return str(found.name)


def mount(sandbox: Sandbox, share: str) -> str:
    """A new catalog in B from A's share, made by B's admin as soon as the share is visible."""
    admin, provider = sandbox.client("prod"), provider_name(sandbox)
    wait_for(lambda: share in [found.name for found in admin.providers.list_shares(provider)])
    return str(admin.catalogs.create(unique("shared"), provider_name=provider, share_name=share).name)


def save_model(folder: Path, slope: float, requirements: list[str] | None = None) -> Path:
    """A model that answers slope times x, as files."""
    frame = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    model = LinearRegression().fit(frame, slope * frame["x"])
    signature = mlflow.models.infer_signature(frame, model.predict(frame))
    mlflow.sklearn.save_model(
        model,
        folder,
        signature=signature,
        serialization_format="cloudpickle",
        pip_requirements=requirements or ["scikit-learn"],
    )
    return folder


def put_version(sandbox: Sandbox, workspace: str, model: str, folder: Path) -> int:
    """A READY version of the model with these files, over the calls that mlflow makes."""
    base, files = "/api/2.0/mlflow/unity-catalog", [file for file in folder.rglob("*") if file.is_file()]
    sandbox.call(workspace, "POST", f"{base}/registered-models/create", json={"name": model})
    source = {"name": model, "source": "dbfs:/somewhere"}
    made = sandbox.call(workspace, "POST", f"{base}/model-versions/create", json=source).json()
    known = {"name": model, "version": made["model_version"]["version"]}
    for file in files:
        path = f"/Models/{model.replace('.', '/')}/{known['version']}/{file.relative_to(folder)}"
        answer = sandbox.call(workspace, "PUT", f"/api/2.0/fs/files{path}", data=file.read_bytes())
        assert answer.status_code == 204, answer.text
    assert sandbox.call(workspace, "POST", f"{base}/model-versions/finalize", json=known).status_code == 200
    return int(known["version"])


def build_wheel(folder: Path, package: str, source: str, entry_points: dict[str, str], *requires: str) -> Path:
    """A wheel of one module with console scripts, built by the real build tool."""
    project = folder / f"build-{package}"
    shutil.rmtree(project, ignore_errors=True)
    (project / package).mkdir(parents=True)
    (project / package / "__init__.py").write_text(source)
    scripts = "\n".join(f'{name} = "{target}"' for name, target in entry_points.items())
    project.joinpath("pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{package}"\nversion = "1.0"\ndependencies = {list(requires)!r}\n'
        f"[project.scripts]\n{scripts}\n"
    )
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    [wheel] = folder.glob(f"{package}-*.whl")
    return wheel
