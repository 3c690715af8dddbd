"""A Databricks to practise on: a separate program that answers the part of the REST API that Causeway uses."""

import os

# MLflow reads this when it is imported, here and in the forkserver: a sandbox calls nobody.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
