"""Steps 3 to 5 of the story, in workspace B, by the unmodified clients alone: accept, load, serve, compare.

Nothing is set but host, credentials and MLflow's two URIs. Takes what play_provider.py printed; the last line is
one JSON object with the answers of all four ways to ask.
"""

import argparse
import json
import time
from typing import Any

import mlflow
import pandas as pd
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.service.serving import DataframeSplitInput, EndpointCoreConfigInput, ServedEntityInput
from mlflow.deployments import get_deploy_client

DEADLINE_SECONDS = 120


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--told", required=True, help="the JSON object that the provider printed")
    parser.add_argument("--catalog", required=True)
    parser.add_argument("--endpoint", required=True)
    arguments = parser.parse_args()
    told = json.loads(arguments.told)
    workspace = WorkspaceClient()

    accept(workspace, told, arguments.catalog)
    model = f"{arguments.catalog}.{told['model']}"
    wait_until_visible(workspace, model, told["version"])
    rows = pd.DataFrame(told["rows"]["data"], columns=told["rows"]["columns"])
    loaded = mlflow.pyfunc.load_model(f"models:/{model}/{told['version']}").predict(rows)

    serve(workspace, arguments.endpoint, model, told["version"])
    queried = workspace.serving_endpoints.query(arguments.endpoint, dataframe_split=DataframeSplitInput(**told["rows"]))
    deployed = get_deploy_client("databricks").predict(
        endpoint=arguments.endpoint, inputs={"dataframe_split": told["rows"]}
    )
    answers = {
        "provider": told["predictions"],
        "loaded": list(loaded),
        "queried": queried.predictions,
        "deployed": deployed["predictions"],
        "served": queried.served_model_name,
    }
    print(json.dumps(answers))


def accept(workspace: WorkspaceClient, told: dict[str, Any], catalog: str) -> None:
    """Finds the provider by A's sharing identifier, never by name, and makes a catalog from its share."""
    identifier = told["sharing_identifier"]
    providers = list(workspace.providers.list(data_provider_global_metastore_id=identifier))
    assert len(providers) == 1
    name = providers[0].name
    assert name
    wait_for(lambda: told["share"] in [share.name for share in workspace.providers.list_shares(name)])
    workspace.catalogs.create(catalog, provider_name=name, share_name=told["share"])


def wait_until_visible(workspace: WorkspaceClient, model: str, version: int) -> None:
    def is_visible() -> bool:
        try:
            return workspace.model_versions.get(model, version) is not None
        except NotFound:
            return False

    wait_for(is_visible)


def serve(workspace: WorkspaceClient, endpoint: str, model: str, version: int) -> None:
    entity = ServedEntityInput(
        name="champion",
        entity_name=model,
        entity_version=str(version),
        workload_size="Small",
        scale_to_zero_enabled=True,
    )
    config = EndpointCoreConfigInput(name=endpoint, served_entities=[entity])
    ready = workspace.serving_endpoints.create_and_wait(endpoint, config=config)
    assert ready.state
    assert str(ready.state.ready) == "EndpointStateReady.READY"


def wait_for(condition: Any) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)


if __name__ == "__main__":
    main()
