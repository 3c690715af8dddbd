"""What one served entity runs: the real model behind MLflow's own scoring server, on a Unix socket.

Runs in a process of its own, forked from the forkserver, with no token and no path of the sandbox's.
"""

import uvicorn
from mlflow.pyfunc import load_model, scoring_server

from app.sandbox.isolation import Spec


def main(spec: Spec) -> None:
    """Loads the model from the process's private folder and serves it until the process is ended."""
    # The check of its requirements, which only warns, reads what every installed package consists of.
    model = load_model(str(spec.folder / "model"), suppress_warnings=True)
    uvicorn.run(scoring_server.init(model), uds=str(spec.folder / "socket"), log_level="info", access_log=False)
