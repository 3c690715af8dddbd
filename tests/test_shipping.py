"""No container engine is needed to keep Dockerfile and docker-compose.yml true: what they name is there, and runs."""

import json
import os
import re
import signal
import subprocess
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import requires
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import typer
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app import cli
from app.demo import containers
from app.demo.programs import find_free_port
from app.settings import Settings
from tests import postgres
from tests.forked_programs import Forked
from tests.sandbox.running import Sandbox
from tests.service_process import PLAIN, PRELOADED, wait_for_end
from tests.two_workspaces import make_version

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
INSTRUCTIONS = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text())).splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENVIRONMENT_NAMES = {f"CAUSEWAY_{name.upper()}" for name in Settings.model_fields} - {"CAUSEWAY_DATABASE"} | {
    "CAUSEWAY_DATABASE_URL"
}
MODEL = "main.bikes.demand"
DEADLINE_SECONDS = 60


def test_the_compose_file_is_what_the_compose_specification_says() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.validate(COMPOSE, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"service": {**SERVICES["service"], "depends": []}}}, schema)


def test_every_service_waits_for_a_service_that_is_there_and_can_be_waited_for() -> None:
    for name, service in SERVICES.items():
        for awaited, how in service.get("depends_on", {}).items():
            other = SERVICES[awaited]
            if how["condition"] == "service_healthy":
                assert "test" in other["healthcheck"], (name, awaited)
            if how["condition"] == "service_completed_successfully":
                assert other["restart"] == "no", (name, awaited)
        if service.get("network_mode"):
            assert service["network_mode"].removeprefix("service:") in SERVICES


def test_only_loopback_is_published_and_it_is_the_port_that_the_service_binds() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    bound = _option(SERVICES["service"]["command"], "--port")
    assert published == [f"127.0.0.1:{bound}:{bound}"]
    assert f"EXPOSE {bound}" in INSTRUCTIONS
    assert _option(_command("CMD"), "--port") == bound


def test_no_password_is_committed() -> None:
    named = [
        (name, value)
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if "PASSWORD" in f"{name} {value}"
    ]
    # Compose refuses to start while the variable that follows `?` is missing: there is no default.
    assert {name for name, _ in named} == {"POSTGRES_PASSWORD", "CAUSEWAY_DATABASE_URL"}
    assert all(re.search(r"\$\{POSTGRES_PASSWORD:\?[^}]+\}", value) for _, value in named)
    assert not re.findall(r"password=|pwd", (ROOT / "docker-compose.yml").read_text())
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_variable_that_the_images_set_is_a_setting() -> None:
    composed = {name for service in SERVICES.values() for name in service.get("environment", {})}
    built = {name for line in INSTRUCTIONS if line.startswith("ENV ") for name in re.findall(r"(\w+)=", line)}
    named = {name for name in composed | built if name.startswith("CAUSEWAY_")}
    assert named == {"CAUSEWAY_DATABASE_URL", "CAUSEWAY_LOG_LEVEL", "CAUSEWAY_CONFIG", "CAUSEWAY_DATA"}
    assert named <= ENVIRONMENT_NAMES


@pytest.mark.parametrize("name", ["migrate", "service", "worker"])
def test_the_program_has_the_command_that_compose_gives(name: str) -> None:
    command, *arguments = SERVICES[name]["command"]
    group = typer.main.get_group(cli.app)
    group.commands[command].make_context(command, arguments)


def test_every_source_that_is_copied_is_in_git_and_reaches_the_builder() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    admitted = {line.removeprefix("!") for line in _ignored() if line.startswith("!")}
    copied = {
        source
        for line in INSTRUCTIONS
        if (line.startswith("COPY ") and "--from" not in line)
        for source in line.split()[1:-1]
    }
    assert copied == admitted
    for source in copied:
        assert any(one == source or one.startswith(f"{source}/") for one in tracked), source
    stages = {line.split()[-1] for line in INSTRUCTIONS if line.startswith("FROM ")}
    assert {found for line in INSTRUCTIONS for found in re.findall(r"--from=(\S+)", line)} <= stages
    assert {service["build"]["target"] for service in SERVICES.values() if "build" in service} <= stages


def test_nobody_is_root_and_every_base_has_its_version() -> None:
    runtimes = "\n".join(INSTRUCTIONS).split("FROM runtime AS ")[1:]
    assert len(runtimes) == 2
    assert all(re.search(r"(?m)^USER 10001:10001$", stage) for stage in runtimes)
    bases = [line.partition("=")[2] for line in INSTRUCTIONS if line.startswith("ARG ")]
    bases += [service["image"] for service in SERVICES.values() if "build" not in service]
    assert all(re.search(r":\d+\.\d+", base) for base in bases), bases


def test_the_images_locks_never_disagree_with_the_one_that_tests_run_on() -> None:
    tested = _read_lock("requirements.lock")
    for name in ("requirements-build.lock", "requirements-sandbox.lock", "requirements-service.lock"):
        locked = _read_lock(name)
        assert locked.items() <= tested.items(), f"{name}: make lock writes it anew"
        assert "://" not in (ROOT / name).read_text()


def test_the_images_locks_hold_everything_that_is_needed_and_the_service_no_mlflow() -> None:
    service = _list_names("requirements-service.lock")
    assert _needed(PROJECT["dependencies"]) <= service
    assert not service & {"mlflow", "pandas", "numpy", "scikit-learn", "hatchling", "pip", "pytest", "uv"}
    sandbox = _needed([*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["sandbox"]])
    assert sandbox <= _list_names("requirements-sandbox.lock")
    assert _needed(["hatchling"]) <= _list_names("requirements-build.lock")


def test_the_sandbox_image_holds_what_the_jobs_declare() -> None:
    lines = [line for file in (ROOT / "jobs").rglob("*.txt") for line in file.read_text().splitlines()]
    pins = {tuple(line.partition(" ;")[0].split("==")) for line in lines}
    assert ("mlflow", "3.17.2") in pins
    assert pins <= _read_lock("requirements-sandbox.lock").keys()


def test_the_operators_page_names_settings_and_log_lines_that_exist() -> None:
    page = (ROOT / "docs/production.md").read_text()
    assert set(re.findall(r"CAUSEWAY_[A-Z_]+", page)) <= ENVIRONMENT_NAMES
    code = "\n".join(file.read_text() for file in (ROOT / "app").rglob("*.py"))
    (told,) = re.findall(r"Look for (`.+?`)\.", page.replace("\n", " "))
    assert {line for line in re.findall(r"`(.+?)`", told) if f'"{line}"' not in code} == set()
    metrics = {name.removesuffix("_total") for name in re.findall(r"`(causeway_\w+?)(?:\{\w+\})?`", page)}
    assert {name for name in metrics if f'"{name}"' not in code} == set()


def test_the_processes_that_compose_declares_play_an_operation(deployment: "Deployment") -> None:
    deployment.run("migrate")
    deployment.furnish()
    deployment.start("service")
    deployment.start("worker")
    key = deployment.run("key", "keys", "create", "service:bikes-ci")
    body = {"project": "bikes", "workspace": "dev", "audience": "azure", "model": MODEL, "version": deployment.train()}
    with httpx.Client(base_url=deployment.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        accepted = client.post("/v1/publications", json=body, headers={"Idempotency-Key": "first"})
        assert accepted.status_code == 202, accepted.text
        ended = wait_for_end(client, accepted.json()["id"])
    assert ended["state"] == "SUCCEEDED", ended


class Deployment:
    """What docker-compose.yml declares, as processes of this machine: its commands, with other ports and folders."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.settings = folder, folder / "settings"
        self.settings.mkdir()
        self.output = folder / "output.txt"
        self.ports = {name: str(find_free_port()) for name in ("8800", "8801")}
        self.url = f"http://127.0.0.1:{self.ports['8800']}"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CAUSEWAY_")}
        self.environment |= {
            "CAUSEWAY_DATABASE_URL": postgres.new_database(migrated=False),
            "CAUSEWAY_CONFIG": str(self.settings / "causeway.yaml"),
            "CAUSEWAY_DATA": str(folder / "data"),
        }
        self.sandbox = Sandbox(folder / "sandbox")
        self.running: list[Forked] = []

    def run(self, name: str, *arguments: str) -> str:
        """Run the service's command, or another one in its place, to its end; answers its last line."""
        output = self.folder / f"{name}.txt"
        words = arguments or SERVICES[name]["command"]
        ended = Forked("app.cli:app", *words, preload=PRELOADED, environment=self.environment, output=output)
        assert ended.wait(timeout=DEADLINE_SECONDS) == 0, output.read_text()
        return output.read_text().splitlines()[-1]

    def furnish(self) -> None:
        module, state, settings = SERVICES["furnish"]["entrypoint"][2:]
        assert module == containers.__name__
        assert f"sandbox:{state}:ro" in SERVICES["furnish"]["volumes"]
        assert {f"{settings}/causeway.yaml"} == set(re.findall(r"CAUSEWAY_CONFIG=(\S+)", "\n".join(INSTRUCTIONS)))
        containers.furnish(self.sandbox.folder, self.settings)

    def train(self) -> int:
        """A version of a model, as a training run would leave it."""
        return make_version(self.sandbox, MODEL)

    def start(self, name: str) -> None:
        """Start the service's command, and wait until its health check, asked at the other port, says yes."""
        arguments = [self.ports.get(word, word) for word in SERVICES[name]["command"]]
        process = Forked("app.cli:app", *arguments, preload=PRELOADED, environment=self.environment, output=self.output)
        self.running.append(process)
        check = SERVICES[name]["healthcheck"]["test"] if "healthcheck" in SERVICES[name] else _health_of_the_image()
        port, path = re.findall(r"http://127\.0\.0\.1:(\d+)(/\w+)", check[-1])[0]
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not _answers(f"http://127.0.0.1:{self.ports[port]}{path}"):
            assert process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        for process in self.running:
            process.send_signal(signal.SIGTERM)
        codes = [process.wait(timeout=30) for process in self.running]
        self.sandbox.stop()
        # uvicorn hands the signal on once it has shut down.
        assert set(codes) <= {0, -signal.SIGTERM, 128 + signal.SIGTERM}, self.output.read_text()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(tmp_path)
    yield made
    made.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, verify=PLAIN).is_success
    except httpx.TransportError:
        return False


def _health_of_the_image() -> list[str]:
    (line,) = [line for line in INSTRUCTIONS if line.startswith("HEALTHCHECK ")]
    return list(json.loads(line[line.index("[") :]))


def _read_lock(name: str) -> dict[tuple[str, str], frozenset[str]]:
    """The hashes of the files of each package and version; some have a version for each Python."""
    entries = re.split(r"(?m)^(?=\S)", (ROOT / name).read_text())
    found = [(re.match(r"([\w.-]+)==(\S+)", entry), frozenset(re.findall(r"--hash=(\S+)", entry))) for entry in entries]
    locked = {(match[1], match[2]): hashes for match, hashes in found if match}
    assert all(locked.values())
    return locked


def _list_names(lock: str) -> set[str]:
    return {name for name, _ in _read_lock(lock)}


def _needed(wanted: list[str]) -> set[str]:
    """The names of the packages, and of all that these need here, as the installed ones say."""
    environment: dict[str, Any] = dict(default_environment())
    needed, left = set[tuple[str, str]](), [Requirement(one) for one in wanted]
    while left:
        one = left.pop()
        for extra in ("", *one.extras):
            if (known := (canonicalize_name(one.name), extra)) in needed:
                continue
            needed.add(known)
            further = [Requirement(text) for text in requires(one.name) or []]
            left += [it for it in further if not it.marker or it.marker.evaluate({**environment, "extra": extra})]
    return {name for name, _ in needed}


def _ignored() -> list[str]:
    return (ROOT / ".dockerignore").read_text().splitlines()


def _command(instruction: str) -> list[str]:
    """The last one of the Dockerfile: the service's."""
    lines = [line for line in INSTRUCTIONS if line.startswith(f"{instruction} ")]
    return list(json.loads(lines[-1].partition(" ")[2]))


def _option(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]
