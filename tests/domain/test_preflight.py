"""How preflight judges what it is told: the rules themselves, without a workspace around them."""

import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from app import configuration
from app.domain import shareable_catalogs
from app.domain.preflight import platform, principals, privileges
from app.domain.preflight.checks import Check, check
from app.domain.preflight.sight import Sight
from app.errors import UpstreamNotFound, WorkspaceRefused
from app.workspaces import grants, identities, metastores, owners, preflight
from app.workspaces.identities import Identity, Self
from app.workspaces.metastores import Metastore
from tests.http.conftest import make_configuration

Answers = dict[Callable[..., Any], Any]
CONTROL, RUNNER = "control-id", "bikes-runner-a"
METASTORE = Metastore("m-1", "aws:us-east-1:m-1", "main", "aws", "us-east-1", True, "admin@aws.example")


class Told(Sight):
    """A sight of what a workspace would have said: by the function that would have asked, a value or a problem."""

    def __init__(self, answers: Answers, *, is_admin: bool = True) -> None:
        super().__init__("dev", configuration.AccessToken.model_validate(ADMIN) if is_admin else None)
        known: Answers = {
            identities.get_self: Self(identity(CONTROL), 0.0),
            identities.find_service_principal: lambda name: identity(name),
            metastores.get_metastore: METASTORE,
            owners.get_owner: CONTROL,
            grants.list_effective: {},
        }
        self.answers = known | answers

    def ask(self, function: Callable[..., Any], *args: Any, as_control: bool = False) -> Any:
        told = self.answers[function]
        if isinstance(told, Exception):
            raise told
        return told(*args) if callable(told) else told


ADMIN = {"type": "pat", "token": {"env": "DEV_TOKEN"}}


def identity(name: str, *groups: str, entitlements: tuple[str, ...] = ("workspace-access",)) -> Identity:
    return Identity("7", name, "@" in name, True, list(groups), list(entitlements))


def configure(tmp_path: Path, **of_dev: Any) -> None:
    content = make_configuration()
    auth = {"type": "oauth-m2m", "client_id": CONTROL, "client_secret": {"env": "DEV_SECRET"}}
    content["workspaces"]["dev"] |= {"auth": auth, **of_dev}
    path = tmp_path / "causeway.yaml"
    path.write_text(yaml.safe_dump(content))
    configuration.use(path)


@pytest.fixture(autouse=True)
def configured(tmp_path: Path) -> None:
    configure(tmp_path)


def look(name: str, answers: Answers, *, is_admin: bool = True) -> Check:
    roles = ["provider", "consumer"]
    listed = [
        *principals.list_of_control("dev"),
        *principals.list_of_runner("dev", "bikes", RUNNER),
        *platform.list_of_workspace("dev", roles, ["bikes"]),
        *(one for project in (None, "bikes") for one in privileges.list_of_rights("dev", roles, project)),
        *privileges.list_of_harmlessness("dev", roles, "bikes", RUNNER),
    ]
    return check(next(one for one in listed if one.name == name), Told(answers, is_admin=is_admin))


@pytest.mark.parametrize(
    ("ahead", "state"), [(0.4, "GREEN"), (-29, "GREEN"), (31, "WARNING"), (-301, "RED"), (None, "UNKNOWN")]
)
def test_a_clock_that_is_off_is_told(ahead: float | None, state: str) -> None:
    assert look("clock", {identities.get_self: Self(identity(CONTROL), ahead)}).state == state


@pytest.mark.parametrize(("days", "state"), [(400, "GREEN"), (29, "WARNING"), (6, "RED"), (None, "UNKNOWN")])
def test_a_secret_near_its_end_is_told_with_the_command_that_makes_another(days: int | None, state: str) -> None:
    ends = [datetime.now(UTC) + timedelta(days=1), datetime.now(UTC) + timedelta(days=days)] if days else []
    found = look("credential-lasts", {preflight.list_secret_ends: ends})
    assert found.state == state
    assert ("credentials/secrets" in "".join(found.commands)) == (state in {"WARNING", "RED"})


def test_a_token_that_never_ends_is_warned_about(tmp_path: Path) -> None:
    configure(tmp_path, auth={"type": "pat", "token": {"env": "DEV_TOKEN"}})
    assert look("credential-lasts", {preflight.list_token_ends: [None]}).state == "WARNING"


@pytest.mark.parametrize(
    ("compute", "state"),
    [
        ({"serverless": {"environment_version": "2"}}, "GREEN"),
        ({"serverless": {"environment_version": "1"}}, "RED"),
        ({"job_cluster": {"spark_version": "17.3.x-scala2.13", "node_type_id": "n"}}, "GREEN"),
        ({"job_cluster": {"spark_version": "13.3.x-scala2.12", "node_type_id": "n"}}, "RED"),
        ({"job_cluster": {"spark_version": "18.1.x-scala2.13", "node_type_id": "n"}}, "RED"),
    ],
)
def test_a_runtime_must_be_offered_and_new_enough(tmp_path: Path, compute: dict[str, Any], state: str) -> None:
    configure(tmp_path, compute=compute)
    assert look("job-environment", {preflight.list_runtimes: ["13.3.x-scala2.12", "17.3.x-scala2.13"]}).state == state


@pytest.mark.parametrize(
    ("said", "state", "mends"),
    [
        ("STOPPED", "GREEN", False),
        ("DELETED", "RED", False),
        (UpstreamNotFound(workspace="dev", kind="SQL warehouse", name="w"), "RED", False),
        (WorkspaceRefused(workspace="dev", action="reading warehouse w"), "RED", True),
    ],
)
def test_a_warehouse_must_be_there_and_open_to_control(tmp_path: Path, said: Any, state: str, mends: bool) -> None:
    configure(tmp_path, warehouse_id="w")
    found = look("warehouse", {preflight.get_warehouse_state: said})
    assert (found.state, "CAN_USE" in "".join(found.commands)) == (state, mends)


def test_control_and_runner_are_no_admins_neither_by_themselves_nor_by_a_group() -> None:
    of_a_group = replace(METASTORE, owner="platform-admins")
    for name, who in (("control-is-no-admin", CONTROL), ("runner-is-no-admin", RUNNER)):
        for groups, metastore in ((["admins"], METASTORE), (["platform-admins"], of_a_group)):
            told: Answers = {
                identities.find_service_principal: lambda name, groups=groups: identity(name, *groups),
                metastores.get_metastore: metastore,
            }
            assert look(name, told).state == "RED", who
        assert look(name, {}).state == "GREEN"
    # What control is not told of the runner is not taken for good.
    assert look("runner-is-no-admin", {}, is_admin=False).state == "UNKNOWN"


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("runner-leaves-our-files", {RUNNER: {"READ_VOLUME", "WRITE_VOLUME"}}),
        ("runner-leaves-our-files", {"data-engineers": {"ALL_PRIVILEGES"}}),
        ("runner-leaves-our-files", {"account users": {"WRITE_VOLUME"}}),
        ("runner-makes-no-copies", {RUNNER: {"CREATE_MODEL"}}),
        ("runner-reaches-nobody", {RUNNER: {"CREATE_SHARE"}}),
        ("runner-reaches-nobody", {RUNNER: {"USE_PROVIDER"}}),
    ],
)
def test_a_runner_that_may_more_than_it_should_is_red_whichever_way_it_may(
    name: str, held: dict[str, set[str]]
) -> None:
    member: Any = lambda name: identity(name, "data-engineers")  # noqa: E731
    found = look(name, {grants.list_effective: held, identities.find_service_principal: member})
    assert found.state == "RED"
    assert '"remove"' in "".join(found.commands)
    assert look(name, {}).state == "GREEN"


def test_a_runner_that_owns_a_place_of_controls_is_red() -> None:
    assert look("runner-leaves-our-files", {owners.get_owner: RUNNER}).state == "RED"


def test_an_accepted_catalog_is_controls() -> None:
    nothing = UpstreamNotFound(workspace="prod", kind="catalog", name="causeway_bikes_azure")
    for owner, state in ((CONTROL, "GREEN"), ("a-person", "RED"), (nothing, "GREEN")):
        (needed,) = privileges.list_of_catalogs("prod", ["consumer"], "bikes")
        assert check(needed, Told({owners.get_owner: owner})).state == state
    assert privileges.list_of_catalogs("dev", ["consumer"], "bikes") == []


def test_a_right_is_held_by_a_group_too_and_by_all_privileges_and_what_lacks_is_named() -> None:
    name = "control-project-volume"
    way = {"USE_CATALOG", "USE_SCHEMA"}
    by_group: Any = lambda name: identity(name, "platform")  # noqa: E731
    whole = {"platform": {"ALL_PRIVILEGES"}, CONTROL: {"USE_CATALOG"}}
    told: Answers = {
        grants.list_effective: whole,
        identities.find_service_principal: by_group,
        owners.get_owner: "somebody",
    }
    assert look(name, told).state == "GREEN"
    found = look(name, {grants.list_effective: {CONTROL: {"READ_VOLUME", *way}}, owners.get_owner: "somebody"})
    assert (found.state, found.seen) == ("RED", "it lacks WRITE_VOLUME")
    assert '"add": ["WRITE_VOLUME"]' in "".join(found.commands)
    assert "USE_CATALOG" not in "".join(found.commands)


def test_what_copying_and_external_lineage_need_is_looked_for_where_they_are_possible_or_wanted(tmp_path: Path) -> None:
    def names() -> set[str]:
        looked = [one for project in (None, "bikes") for one in privileges.list_of_rights("dev", ["consumer"], project)]
        return {f"{one.name} {one.subject}" for one in looked} & {
            "control-copies schema main.bikes",
            "control-tells-lineage the metastore",
        }

    assert names() == {"control-copies schema main.bikes"}
    configure(tmp_path, external_lineage=True)
    assert names() == {"control-copies schema main.bikes", "control-tells-lineage the metastore"}
    way = {"USE_CATALOG", "USE_SCHEMA"}
    told: Answers = {grants.list_effective: {CONTROL: way}, owners.get_owner: "somebody"}
    for name, state, seen in (
        ("control-copies", "WARNING", "it lacks CREATE_MODEL: accepting with copy: true would fail"),
        ("control-tells-lineage", "RED", "it lacks CREATE_EXTERNAL_METADATA"),
    ):
        found = look(name, told)
        assert (found.state, found.seen) == (state, seen)
        assert f'"add": ["{seen.split()[2].strip(":")}"]' in "".join(found.commands)
        held: Answers = {**told, grants.list_effective: {CONTROL: {*way, "CREATE_MODEL", "CREATE_EXTERNAL_METADATA"}}}
        assert look(name, held).state == "GREEN"
    nothing = UpstreamNotFound(workspace="dev", kind="schema", name="main.bikes")
    found = look("control-copies", {grants.list_effective: nothing})
    assert (found.state, found.seen) == (
        "WARNING",
        "there is no schema main.bikes: accepting with copy: true would fail",
    )
    configure_without_sources(tmp_path)
    assert names() == set()


def configure_without_sources(tmp_path: Path) -> None:
    content = make_configuration()
    del content["projects"]["bikes"]["sources"]
    path = tmp_path / "causeway.yaml"
    path.write_text(yaml.safe_dump(content))
    configuration.use(path)


def test_a_project_with_data_but_no_runner_there_needs_no_runners_rights(tmp_path: Path) -> None:
    content = make_configuration()
    del content["projects"]["bikes"]["runners"]["dev"]
    path = tmp_path / "causeway.yaml"
    path.write_text(yaml.safe_dump(content))
    configuration.use(path)
    needed = privileges.list_of_rights("dev", ["provider"], "bikes")
    assert {one.name for one in needed} == {"control-project-volume", "control-models"}


def test_whoever_may_not_see_a_project_is_told_neither_its_runner_nor_its_audiences() -> None:
    catalog = "causeway_shareable"
    schemas = {f"{catalog}.causeway_bikes_azure": "eve", f"{catalog}.causeway_trains_azure": "eve"}
    told: Answers = {
        shareable_catalogs.list_schemas: schemas,
        grants.list_effective: {"trains-runner-a": {"CREATE_SCHEMA"}, "mallory": {"CREATE_MODEL"}},
    }
    for known, hidden in ((["bikes"], ["causeway_trains_azure", "trains-runner-a"]), (["bikes", "trains"], [])):
        writers = privileges.list_of_writers("dev", ["provider"], None, known)
        found = check(next(one for one in writers if "catalog" in one.subject), Told(told))
        assert found.state == "RED"
        assert "eve: OWNER on causeway_shareable.causeway_bikes_azure" in found.seen
        assert "mallory: CREATE_MODEL" in found.seen
        for name in ("causeway_trains_azure", "trains-runner-a"):
            assert (name in found.seen + "".join(found.commands)) == (name not in hidden)


def test_what_there_was_no_time_to_ask_is_unknown_and_not_good() -> None:
    rights = privileges.list_of_rights("dev", ["provider"], None)
    late = Sight("dev", ends_at=time.monotonic() - 1)
    assert {check(one, late).state for one in rights} == {"UNKNOWN"}
    assert all(check(one, late).commands for one in rights)


def test_names_in_commands_are_never_code(tmp_path: Path) -> None:
    trap = tmp_path / "sprung"
    for hostile in (f"x'; touch {trap}; '", f"$(touch {trap})", f'x"`touch {trap}`"', f"x#;e touch {trap}\n#"):
        configure(tmp_path, auth={"type": "oauth-m2m", "client_id": hostile, "client_secret": {"env": "DEV_SECRET"}})
        everybody = [*principals.list_of_control("dev"), *principals.list_of_runner("dev", "bikes", f"{hostile}2")]
        rights = [one for project in (None, "bikes") for one in privileges.list_of_rights("dev", ["provider"], project)]
        nobody = Told({identities.find_service_principal: None})
        commands = [line for one in [*everybody, *rights] for line in check(one, nobody).commands]
        script = "\n".join(["curl() { echo '{\"grant_rules\": []}'; }", *commands, "echo all of it has run"])
        environment = {"DEV_HOST": "http://nowhere", "DEV_TOKEN": "t", "PATH": "/usr/bin:/bin"}
        run = subprocess.run(["bash"], input=script, env=environment, text=True, capture_output=True, check=False)
        assert "all of it has run" in run.stdout, run.stderr
        assert not trap.exists(), hostile
