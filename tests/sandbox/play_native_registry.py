"""The unmodified mlflow client on the registry's native dialect, which it may make its default one day."""

import os
import sys

import mlflow
import pandas as pd
from mlflow import MlflowClient

os.environ["MLFLOW_ENABLE_UC_NATIVE_MODEL_REGISTRY"] = "true"


class Double(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow is not typed
    """Doubles what it is given."""

    def predict(self, model_input: pd.DataFrame) -> pd.DataFrame:
        return model_input * 2


def main() -> None:
    schema = sys.argv[1]
    name, copy = f"{schema}.native", f"{schema}.copy"
    inputs = pd.DataFrame({"x": [1.0, 2.0]})
    mlflow.set_experiment(f"/Shared/{schema}")
    with mlflow.start_run():
        logged = mlflow.pyfunc.log_model(
            name="model",
            python_model=Double(),
            signature=mlflow.models.infer_signature(inputs, inputs),
            pip_requirements=["pandas"],
        )
    client = MlflowClient()
    version = mlflow.register_model(logged.model_uri, name, tags={"made_by": "native"})
    client.set_registered_model_alias(name, "prod", version.version)
    client.set_model_version_tag(name, version.version, "digest", "abc")
    client.set_registered_model_tag(name, "team", "bikes")
    assert client.get_registered_model(name).tags == {"team": "bikes"}
    assert client.get_registered_model(name).aliases == {"prod": version.version}
    found = client.get_model_version_by_alias(name, "prod")
    assert found.tags == {"made_by": "native", "digest": "abc"}
    client.delete_model_version_tag(name, version.version, "digest")
    assert client.get_model_version(name, version.version).tags == {"made_by": "native"}
    found = client.search_model_versions(f"name = '{name}'")
    while not found and found.token:
        found = client.search_model_versions(f"name = '{name}'", page_token=found.token)
    assert [one.version for one in found] == [version.version]
    client.copy_model_version(f"models:/{name}/{version.version}", copy)
    assert mlflow.pyfunc.load_model(f"models:/{copy}/1").predict(inputs)["x"].tolist() == [2.0, 4.0]
    client.delete_registered_model_alias(name, "prod")
    client.delete_model_version(name, version.version)
    client.delete_registered_model(name)
    print("played")


if __name__ == "__main__":
    main()
