"""Jobs as the plain programs that they are: host and token in the environment, a folder as the only argument."""

import importlib
import io
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from databricks.sdk.service.catalog import VolumeType

from tests import warm_programs
from tests.sandbox.running import Person, Sandbox, unique

REPOSITORY = Path(__file__).parents[2]
BIKES = REPOSITORY / "app/sandbox/data/bikeshare.csv"


@dataclass(frozen=True)
class Ended:
    """How one job ended: exit code and the content of result.json, None where there is none."""

    code: int
    result: Any


class Team:
    """A schema with a volume that holds the bike data, and a runner who may read, write and make models there."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.admin = sandbox.client("dev")
        self.runner = sandbox.person("dev")
        self.schema = sandbox.schema("dev", self.runner)
        self.catalog, name = self.schema.split(".")
        self.admin.volumes.create(self.catalog, name, "files", VolumeType.MANAGED)
        sandbox.grant("dev", "CATALOG", self.catalog, self.runner.name, "READ_VOLUME", "WRITE_VOLUME", "EXECUTE")
        self.volume = f"/Volumes/{self.catalog}/{name}/files"
        self.data = self.upload("bikeshare.csv", BIKES.read_bytes())

    def upload(self, name: str, content: bytes) -> str:
        path = f"{self.volume}/{name}"
        self.admin.files.upload(path, io.BytesIO(content), overwrite=True)
        return path

    def read(self, path: str) -> Any:
        return json.loads(self.admin.files.download(path).contents.read())

    def training(self, **changes: Any) -> dict[str, Any]:
        """Parameters of the story's training, with few trials."""
        asked = {
            "operation_id": unique("op"),
            "project": "bikes",
            "data": self.data,
            "target": "bikers",
            "exclude": ["casual", "registered"],
            "time_column": "day",
            "holdout_fraction": 0.2,
            "learners": ["lgbm", "histgb", "rf", "extra_tree"],
            "budget_seconds": None,
            "max_trials": 4,
            "seed": 7,
            "baseline_categories": ["hr", "weekday", "season"],
            "model": f"{self.schema}.{unique('demand')}",
            "experiment": f"/Shared/causeway/{unique('bikes')}",
            "tags": {"team": "bikes"},
        }
        return {**asked, **changes}

    def copying(self, source: tuple[str, int], target: str) -> dict[str, Any]:
        model, version = source
        named = {"source": {"model": model, "version": version}, "target": {"model": target}}
        return {"operation_id": unique("op"), **named, "comment": "a vetted copy", "tags": {"team": "bikes"}}

    def scoring(self, version: tuple[str, int], digest: str | None, rows: str) -> dict[str, Any]:
        output = f"{self.volume}/{unique('predictions')}.json"
        return {
            "operation_id": unique("op"),
            "model": version[0],
            "version": version[1],
            "digest": digest,
            "input": rows,
            "output": output,
        }

    def run(
        self, name: str, *asked: dict[str, Any], person: Person | None = None, host: str | None = None
    ) -> list[Ended]:
        """Run the job once for each set of parameters, as the admin unless a person is named."""
        folders = [self.folder(name, parameters) for parameters in asked]
        done = self.start(name, folders, person, host)
        codes = [line.split()[1] for line in done.output.splitlines() if line.startswith("EXIT")]
        assert len(codes) == len(folders), done.output
        return [Ended(int(code), self.find(folder)) for code, folder in zip(codes, folders, strict=True)]

    def folder(self, name: str, parameters: dict[str, Any]) -> str:
        """A new step folder that holds the parameters."""
        place = f"operations/{unique('op')}/{name}"
        self.upload(f"{place}/parameters.json", json.dumps(parameters).encode())
        return f"{self.volume}/{place}"

    def find(self, folder: str) -> Any:
        names = [entry.name for entry in self.admin.files.list_directory_contents(folder)]
        return self.read(f"{folder}/result.json") if "result.json" in names else None

    def start(
        self, name: str, folders: list[str], person: Person | None = None, host: str | None = None
    ) -> warm_programs.Ended:
        """The bare process, with nothing of Databricks or MLflow in its environment but host and token."""
        known = self.sandbox.workspaces["dev"]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("DATABRICKS_", "MLFLOW_"))}
        environment = {
            **kept,
            "DATABRICKS_HOST": host or known["host"],
            "DATABRICKS_TOKEN": person.token if person else known["token"],
        }
        return warm_programs.run("tests.jobs.running_jobs:main", name, *folders, environment=environment)

    def files_of(self, model: str, version: int) -> dict[str, bytes]:
        """A version's files as the service reads them: by the Files API."""
        root = f"/Models/{model.replace('.', '/')}/{version}"
        names = [entry.name for entry in self.admin.files.list_directory_contents(root)]
        return {name: self.admin.files.download(f"{root}/{name}").contents.read() for name in names}

    def version_of(self, model: str, version: int) -> dict[str, Any]:
        """What the registry says of a version, tags by key."""
        known = {"name": model, "version": str(version)}
        found = self.registry("GET", "model-versions/get", params=known)["model_version"]
        return {**found, "tags": {tag["key"]: tag["value"] for tag in found.get("tags", [])}}

    def registry(self, method: str, call: str, **options: Any) -> Any:
        answer = self.sandbox.call("dev", method, f"/api/2.0/mlflow/unity-catalog/{call}", **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def pending_version(self, model: str, tags: dict[str, str]) -> int:
        """A version whose files never came."""
        listed = [{"key": key, "value": value} for key, value in tags.items()]
        body = {"name": model, "source": "dbfs:/nowhere", "tags": listed}
        return int(self.registry("POST", "model-versions/create", json=body)["model_version"]["version"])

    def version_of_files(self, model: str, files: dict[str, bytes]) -> int:
        """A READY version of these files, made over the calls that mlflow makes."""
        version = self.pending_version(model, {})
        for name, content in files.items():
            path = f"/api/2.0/fs/files/Models/{model.replace('.', '/')}/{version}/{name}"
            assert self.sandbox.call("dev", "PUT", path, data=content).status_code == 204
        self.registry("POST", "model-versions/finalize", json={"name": model, "version": str(version)})
        return version


def main() -> None:
    """Run the job's entry point on each folder in turn, and print how it exited."""
    entry = importlib.import_module(f"causeway_jobs.{sys.argv[1]}").main
    for folder in sys.argv[2:]:
        sys.argv = ["job", f"--folder={folder}"]
        try:
            entry()
            print("EXIT 0")
        except SystemExit as end:
            print("EXIT", end.code)
