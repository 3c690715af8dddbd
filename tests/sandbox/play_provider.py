"""Steps 1 and 2 of the story, in workspace A, by the unmodified clients alone: train, register, copy, share.

Nothing is set but host, credentials and MLflow's two URIs. The last line printed is one JSON object for the consumer.
"""

import argparse
import json

import mlflow
import pandas as pd
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound
from databricks.sdk.service.sharing import (
    AuthenticationType,
    PermissionsChange,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
)
from mlflow import MlflowClient
from sklearn.ensemble import HistGradientBoostingRegressor

FEATURES = ["day", "hr", "weekday", "workingday", "temp", "hum", "windspeed"]


def main() -> None:
    arguments = read_arguments()
    workspace = WorkspaceClient()
    user = workspace.current_user.me().user_name
    for catalog in (arguments.catalog, arguments.shareable_catalog):
        workspace.catalogs.create(catalog)
        workspace.schemas.create("models", catalog)
    own, shareable = f"{arguments.catalog}.models.bikes", f"{arguments.shareable_catalog}.models.bikes"

    frame = pd.read_csv(arguments.data)
    trained = train(frame, own, f"/Users/{user}/{arguments.catalog}")
    client = MlflowClient()
    client.set_registered_model_alias(own, "prod", trained.version)
    copied = client.copy_model_version(f"models:/{own}@prod", shareable)
    client.set_model_version_tag(shareable, copied.version, "source", f"{own}/{trained.version}")
    share(workspace, arguments, shareable)

    rows = frame[FEATURES].astype("float64").tail(5)
    answers = mlflow.pyfunc.load_model(f"models:/{own}@prod").predict(rows)
    told = {
        "sharing_identifier": workspace.metastores.summary().global_metastore_id,
        "share": arguments.share,
        "model": "models.bikes",
        "version": int(copied.version),
        "rows": rows.to_dict(orient="split", index=False),
        "predictions": list(answers),
    }
    print(json.dumps(told))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="the bike-sharing data, CSV")
    parser.add_argument("--catalog", required=True)
    parser.add_argument("--shareable-catalog", required=True)
    parser.add_argument("--share", required=True)
    parser.add_argument("--recipient", required=True)
    parser.add_argument("--consumer", required=True, help="sharing identifier of the consumer's metastore")
    return parser.parse_args()


def train(frame: pd.DataFrame, model_name: str, experiment: str) -> mlflow.entities.model_registry.ModelVersion:
    inputs, target = frame[FEATURES].astype("float64"), frame["bikers"].astype("float64")
    mlflow.set_experiment(experiment)
    with mlflow.start_run() as run:
        model = HistGradientBoostingRegressor(max_iter=20, random_state=7).fit(inputs, target)
        mlflow.log_metric("r2", model.score(inputs, target))
        logged = mlflow.sklearn.log_model(
            model,
            name="model",
            signature=mlflow.models.infer_signature(inputs, target),
            input_example=inputs.median().to_frame().T,
            pip_requirements=["scikit-learn"],
        )
    assert MlflowClient().get_run(run.info.run_id).data.metrics["r2"] > 0.5
    return mlflow.register_model(logged.model_uri, model_name)


def share(workspace: WorkspaceClient, arguments: argparse.Namespace, model_name: str) -> None:
    try:
        workspace.recipients.get(arguments.recipient)
    except NotFound:
        workspace.recipients.create(
            arguments.recipient,
            AuthenticationType.DATABRICKS,
            data_recipient_global_metastore_id=arguments.consumer,
        )
    workspace.shares.create(arguments.share)
    model = SharedDataObject(
        name=model_name,
        data_object_type=SharedDataObjectDataObjectType.MODEL,
        string_shared_as="models.bikes",
    )
    added = SharedDataObjectUpdate(action=SharedDataObjectUpdateAction.ADD, data_object=model)
    workspace.shares.update(arguments.share, updates=[added])
    granted = PermissionsChange(principal=arguments.recipient, add=["SELECT"])
    workspace.shares.update_permissions(arguments.share, changes=[granted])


if __name__ == "__main__":
    main()
