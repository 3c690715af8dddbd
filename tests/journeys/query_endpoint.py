"""Queries an endpoint with the unmodified databricks-sdk, as an existing caller would: all it has is host and token."""

import json
import logging
import sys
import warnings

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.serving import DataframeSplitInput


def main() -> None:
    warnings.simplefilter("error")
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    host, token, endpoint, columns, data = sys.argv[1:6]
    workspace = WorkspaceClient(host=host, token=token)
    rows = DataframeSplitInput(columns=json.loads(columns), data=json.loads(data))
    answer = workspace.serving_endpoints.query(endpoint, dataframe_split=rows)
    print(json.dumps({"predictions": answer.predictions, "served": answer.served_model_name}))


if __name__ == "__main__":
    main()
