"""What does the story play on? Two workspaces, rights in them, data, and a Causeway with a key for its caller."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import httpx
from rich.console import Console

from app.demo import programs
from app.demo.programs import Program
from app.demo.progress import doing

HERE = Path(__file__).parent
DATA = HERE.parent / "sandbox" / "data" / "bikeshare.csv"
DATA_PATH = "/Volumes/main/bikes/files/bikeshare.csv"
PRINCIPAL = "service:bikes-ci"
READY_SECONDS = 120


@dataclass
class Stage:
    """`programs` are what runs now, in the order of their start; the rest is known once `set_up` has returned."""

    folder: Path
    programs: list[Program] = field(default_factory=list)
    hosts: dict[str, str] = field(default_factory=dict)
    url: str = ""
    key: str = ""

    @property
    def logs(self) -> list[Path]:
        """Where everything that ran has written."""
        return sorted(self.folder.glob("*.log"))


def set_up(console: Console, stage: Stage) -> None:
    """Start the sandbox, give Causeway its rights, write its configuration, start it; raises `ProgramFailed`."""
    folder = stage.folder
    with doing(console, "the sandbox starts: two Databricks workspaces on this machine"):
        workspaces = _start_sandbox(stage)
    stage.hosts = {name: workspace["host"] for name, workspace in workspaces.items()}
    with doing(console, "an admin gives Causeway its identities and rights (grants.sh)"):
        granted = give_rights(folder, workspaces)
    with doing(console, f"the admin puts the data into {DATA_PATH}"):
        put_data(workspaces["dev"])
    environment = _write_configuration(folder, stage.hosts, granted)
    with doing(console, f"an API key is made for {PRINCIPAL}"):
        command = [sys.executable, "-m", "app.cli", "keys", "create", PRINCIPAL, "--days", "1"]
        stage.key = programs.run("keys", command, folder, environment).strip()
    with doing(console, "Causeway starts"):
        _start_service(stage, environment)


def take_down(stage: Stage) -> None:
    """End what runs, the last started first."""
    while stage.programs:
        programs.end(stage.programs.pop())


def give_rights(folder: Path, workspaces: dict[str, Any]) -> dict[str, str]:
    """Run `grants.sh` as the workspaces' admin; ids and secrets by name, kept in the folder, the same when repeated."""
    env_file = folder / "causeway.env"
    admins = {
        f"{name.upper()}_{field.upper()}": workspaces[name][field]
        for name in ("dev", "prod")
        for field in ("host", "token")
    }
    programs.run("grants", ["bash", str(HERE / "grants.sh")], folder, {**admins, "ENV_FILE": str(env_file)})
    lines = [line.partition("=") for line in env_file.read_text().splitlines()]
    return {name: value for name, _, value in lines}


def put_data(workspace: dict[str, Any]) -> None:
    """Put the year of bike rentals into the team's volume, whatever is there."""
    answer = httpx.put(
        f"{workspace['host']}/api/2.0/fs/files{DATA_PATH}",
        params={"overwrite": "true"},
        content=DATA.read_bytes(),
        headers={"Authorization": f"Bearer {workspace['token']}", "Content-Type": "application/octet-stream"},
        trust_env=False,
    )
    answer.raise_for_status()


def fill_configuration(hosts: dict[str, str], granted: dict[str, str]) -> str:
    """The text of `causeway.yaml` for these hosts and ids; it names its secrets as variables of the environment."""
    names = {f"{name.upper()}_HOST": host for name, host in hosts.items()}
    return Template((HERE / "configuration.yaml").read_text()).safe_substitute(names | granted)


def _start_sandbox(stage: Stage) -> dict[str, Any]:
    known = stage.folder / "sandbox" / "sandbox.json"
    sandbox = programs.start("sandbox", ["app.sandbox", "--state", str(known.parent)], stage.folder)
    stage.programs.append(sandbox)
    programs.await_ready(sandbox, known.exists, READY_SECONDS)
    return dict(json.loads(known.read_text())["workspaces"])


def _write_configuration(folder: Path, hosts: dict[str, str], granted: dict[str, str]) -> dict[str, str]:
    """The service's environment: the secrets are there, and the file only names them."""
    (folder / "causeway.yaml").write_text(fill_configuration(hosts, granted))
    secrets = {name: value for name, value in granted.items() if name.endswith("_SECRET")}
    return {"CAUSEWAY_CONFIG": str(folder / "causeway.yaml"), "CAUSEWAY_DATA": str(folder / "data"), **secrets}


def _start_service(stage: Stage, environment: dict[str, str]) -> None:
    port = programs.find_free_port()
    stage.url = f"http://127.0.0.1:{port}"
    service = programs.start("service", ["app.cli", "serve", "--port", str(port)], stage.folder, environment)
    stage.programs.append(service)
    programs.await_ready(service, lambda: _answers(f"{stage.url}/readyz"), READY_SECONDS)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False
