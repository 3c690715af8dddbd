"""What tests of endpoints need again and again: entities, configurations, queries, and the processes behind them."""

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import psutil
from databricks.sdk.service.serving import (
    DataframeSplitInput,
    EndpointCoreConfigInput,
    Route,
    ServedEntityInput,
    TrafficConfig,
)
from sklearn.linear_model import LinearRegression

from tests.sandbox.running import Sandbox
from tests.sandbox.sharing import wait_for

ROWS = DataframeSplitInput(columns=["x"], data=[[1.0], [2.0]])


def make_model(sandbox: Sandbox, folder: Path) -> str:
    """A model of B: version 1 answers twice the x, 2 three times; 3 needs what is not there, 4 cannot be loaded."""
    name = f"{sandbox.schema('prod')}.bikes"
    save_model(folder / "1", 2.0)
    save_model(folder / "2", 3.0)
    save_model(folder / "3", 4.0, requirements=["scikit-learn==0.1"])
    (save_model(folder / "4", 5.0) / "model.pkl").write_bytes(b"no pickle")
    for number in range(1, 5):
        put_version(sandbox, "prod", name, folder / str(number))
    return name


def entity(model: str, version: int, **options: Any) -> ServedEntityInput:
    """A served entity `v<version>` of the model."""
    options = {"name": f"v{version}", "workload_size": "Small", "scale_to_zero_enabled": True, **options}
    return ServedEntityInput(entity_name=model, entity_version=str(version), **options)


def split(**percentages: int) -> TrafficConfig:
    """Traffic in percent."""
    return TrafficConfig(
        routes=[Route(served_model_name=name, traffic_percentage=part) for name, part in percentages.items()]
    )


def create(client: Any, name: str, *entities: ServedEntityInput, traffic: TrafficConfig | None = None) -> Any:
    """Asks for the endpoint; what the platform answered at once."""
    config = EndpointCoreConfigInput(name=name, served_entities=list(entities), traffic_config=traffic)
    return client.serving_endpoints.create(name, config=config).response


def settled(client: Any, name: str) -> Any:
    """The endpoint once no update is under way."""
    return wait_for(lambda: find_settled(client, name))


def find_settled(client: Any, name: str) -> Any:
    found = client.serving_endpoints.get(name)
    return None if found.state.config_update.value == "IN_PROGRESS" else found


def query(client: Any, name: str) -> Any:
    """Two rows, 1 and 2, to wherever the traffic goes."""
    return client.serving_endpoints.query(name, dataframe_split=ROWS)


def query_entity(sandbox: Sandbox, name: str, served: str) -> Any:
    """The same rows to one entity, by name."""
    path = f"/serving-endpoints/{name}/served-models/{served}/invocations"
    return sandbox.call("prod", "POST", path, json={"dataframe_split": ROWS.as_dict()})


def servers_of(sandbox: Sandbox) -> list[psutil.Process]:
    """The model servers: they alone hold a Unix socket of their own."""
    below = psutil.Process(sandbox.process.pid).children(recursive=True)
    return [process for process in below if any(unix.status != "x" and unix.laddr for unix in sockets_of(process))]


def sockets_of(process: psutil.Process) -> list[Any]:
    try:
        return [found for found in process.net_connections("unix") if str(found.laddr).endswith("/socket")]
    except psutil.NoSuchProcess:
        return []


def state_of(client: Any, name: str) -> str:
    """The deployment state of the first active entity."""
    return str(client.serving_endpoints.get(name).config.served_entities[0].state.deployment.value)


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
