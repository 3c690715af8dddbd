"""Logs and registers the models of the serving tests, by the unmodified mlflow client, as whoever's token it is given.

Takes a schema and an experiment; a third argument logs `demand` alone, under that name. The last line printed is one
JSON object: a row, and what the two versions of `demand` predict for it.
"""

import json
import os
import sys
import time
from typing import Any

import mlflow
import pandas as pd
import sklearn
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

FRAME = pd.DataFrame({"hr": [0.0, 6.0, 12.0, 18.0], "temp": [0.1, 0.4, 0.9, 0.5]})
DEMAND = pd.Series([10.0, 110.0, 230.0, 390.0])
PINS = [f"{module.__name__}=={module.__version__}" for module in (mlflow, pd)]
ROW = {"hr": 17.0, "temp": 0.123456789012345}


class Refusing(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Loads, and then refuses every row."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        raise ValueError("the table of holidays ends in 2024")


class Describing(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Takes a column of each kind, and answers text where its signature promises a number."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return ["many"] * len(model_input)


class Slow(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Takes its time to load where it is served, long enough for a test to do something meanwhile."""

    def load_context(self, context: Any) -> None:
        if "DATABRICKS_HOST" not in os.environ:
            time.sleep(3)

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return [1.0] * len(model_input)


def main() -> None:
    schema, experiment, *demand = sys.argv[1:]
    mlflow.set_experiment(experiment)
    predicted = {}
    for factor in (1.0, 2.0):
        model = LinearRegression().fit(FRAME, DEMAND * factor)
        logged = log_sklearn(model, f"{schema}.{demand[0] if demand else 'demand'}")
        predicted[logged.registered_model_version] = model.predict(pd.DataFrame([ROW])).tolist()
    if not demand:
        log_difficult_ones(schema)
    print(json.dumps({"row": ROW, "predicted": predicted}))


def log_difficult_ones(schema: str) -> None:
    model = LinearRegression().fit(FRAME, DEMAND)
    log_sklearn(model, f"{schema}.unbuildable", pip_requirements=[*PINS, "no-such-package-anywhere==1.0"])
    log_sklearn(model, f"{schema}.silent", input_example=None)
    inputs = FRAME.head(1).assign(day=pd.Series([3]), city=["Oslo"], holiday=[False])
    log_pyfunc(Refusing(), inputs, f"{schema}.refusing")
    log_pyfunc(Describing(), inputs, f"{schema}.describing")
    log_pyfunc(Slow(), FRAME.head(1), f"{schema}.slow")


def log_sklearn(model: Any, name: str, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "signature": infer_signature(FRAME, DEMAND),
        "input_example": FRAME.head(1),
        "pip_requirements": [*PINS, f"scikit-learn=={sklearn.__version__}"],
    }
    return mlflow.sklearn.log_model(model, name="model", registered_model_name=name, **{**given, **changes})


def log_pyfunc(model: Any, inputs: pd.DataFrame, name: str) -> None:
    mlflow.pyfunc.log_model(
        name="model",
        python_model=model,
        registered_model_name=name,
        signature=infer_signature(inputs, DEMAND.head(1)),
        input_example=inputs,
        pip_requirements=PINS,
    )


if __name__ == "__main__":
    main()
