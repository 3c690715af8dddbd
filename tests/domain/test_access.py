"""Who may do what to which name: the rules themselves, without a service around them."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import configuration
from app.domain import access
from app.domain.access import Caller, Name
from app.errors import LinkNotDeclared, NotInProject, PermissionDenied, ProjectNotFound, WorkspaceNotFound
from tests.http.conftest import ADMIN, ALICE, BOB, make_configuration

VIEWER = "person:viewer@example.test"


@pytest.fixture(autouse=True)
def configured(tmp_path: Path) -> None:
    path = tmp_path / "causeway.yaml"
    path.write_text(yaml.safe_dump(make_configuration()))
    configuration.use(path)


def test_a_role_covers_its_actions_and_no_others() -> None:
    assert access.check(Caller(ALICE), "publish", "bikes")
    assert access.check(Caller(VIEWER), "read", "bikes")
    with pytest.raises(PermissionDenied):
        access.check(Caller(VIEWER), "publish", "bikes")


def test_a_project_of_others_is_as_unknown_as_one_that_is_not_there() -> None:
    refusals = []
    for project in ("trains", "no_such_project"):
        with pytest.raises(ProjectNotFound) as caught:
            access.check(Caller(ALICE), "train", project)
        refusals.append({**caught.value.as_dict(), "project": "", "detail": ""})
    assert refusals[0] == refusals[1]


def test_an_admin_sees_every_project_but_may_not_act_in_it() -> None:
    assert access.list_projects(Caller(ADMIN)) == ["bikes", "trains"]
    with pytest.raises(PermissionDenied):
        access.check(Caller(ADMIN), "deploy", "bikes")


def test_a_key_limited_to_another_project_gives_nothing() -> None:
    limited = Caller(ALICE, frozenset({"trains"}))

    with pytest.raises(ProjectNotFound):
        access.check(limited, "train", "bikes")


@pytest.mark.parametrize(
    "name",
    [
        Name("model", "dev", "main.trains.delay"),
        Name("model", "dev", "main.bikes"),
        Name("model", "dev", "main.bikes."),
        Name("model", "dev", "main.bikesx.demand"),
        Name("model", "dev", "*"),
        Name("model", "prod", "main.bikes.demand"),
        Name("data", "dev", "main.trains.files"),
        Name("volume", "dev", "main.trains.files"),
        Name("endpoint", "prod", "trains-delay"),
        Name("endpoint", "prod", "bikes-"),
        Name("endpoint", "dev", "bikes-demand"),
        Name("catalog", "prod", "main"),
        # Something in it is the project's, but not all of it.
        Name("catalog", "dev", "main"),
        Name("schema", "dev", "main.trains"),
        Name("schema", "dev", "main.bik"),
        Name("catalog", "prod", "causeway_trains_azure"),
        Name("share", "dev", "causeway_trains_azure"),
    ],
)
def test_what_a_project_does_not_declare_is_refused(name: Name) -> None:
    with pytest.raises(NotInProject):
        access.check(Caller(ALICE), "read", "bikes", name)


@pytest.mark.parametrize(
    "name",
    [
        Name("model", "dev", "main.bikes.demand"),
        Name("data", "dev", "main.bikes.files"),
        Name("endpoint", "prod", "bikes-demand"),
        Name("schema", "dev", "main.bikes"),
        Name("schema", "prod", "causeway_bikes_azure.bikes"),
        Name("catalog", "prod", "causeway_bikes_azure"),
        Name("model", "prod", "causeway_bikes_azure.bikes.demand"),
        Name("share", "dev", "causeway_bikes_azure"),
    ],
)
def test_what_a_project_declares_or_derives_is_its_own(name: Name) -> None:
    assert access.check(Caller(ALICE), "read", "bikes", name)


def test_a_workspace_that_the_project_does_not_use_is_not_there() -> None:
    for workspace in ("island", "mars"):
        with pytest.raises(WorkspaceNotFound):
            access.check(Caller(ALICE), "read", "bikes", Name("model", workspace, "main.bikes.demand"))
        with pytest.raises(WorkspaceNotFound):
            access.get_workspace(Caller(ALICE), workspace)


def test_models_move_only_along_declared_links() -> None:
    access.check_link("bikes", "dev", "prod")
    for source, target in [("prod", "dev"), ("dev", "island"), ("dev", "dev")]:
        with pytest.raises(LinkNotDeclared):
            access.check_link("bikes", source, target)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(["model", "data", "endpoint", "volume", "share", "catalog"]), name=st.text(max_size=40))
def test_no_name_belongs_to_two_projects(kind: str, name: str) -> None:
    owners = [
        project
        for project in ("bikes", "trains")
        for workspace in ("dev", "prod")
        if access.declares(project, Name(kind, workspace, name))
    ]
    assert len(set(owners)) <= 1
    assert access.list_projects(Caller(BOB)) == ["trains"]
