"""The service never unpickles a model: what could is not even imported."""

import json
import subprocess
import sys

HEAVY = ("mlflow", "pandas", "numpy", "sklearn", "flaml", "lightgbm", "pyarrow")


def test_the_service_imports_neither_mlflow_nor_pandas() -> None:
    program = (
        "import json, sys\n"
        "import app.cli, app.main\n"
        "app.main.create_app().openapi()\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    imported = set(json.loads(done.stdout))
    assert {"app", "databricks", "dbos"} <= imported
    assert imported.isdisjoint(HEAVY)
