"""What the configuration file may say, and every mistake that it is told of at once."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app import configuration
from app.configuration import ConfigurationInvalid, Secret, SecretUnreadable
from app.configuration.checks import _clashes
from tests.http.conftest import make_configuration


def mistakes(folder: Path, content: Any) -> str:
    path = folder / "causeway.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    with pytest.raises(ConfigurationInvalid) as caught:
        configuration.load(path)
    return "\n".join(caught.value.mistakes)


def changed(*path: str, to: Any) -> dict[str, Any]:
    content = deepcopy(make_configuration())
    at = content
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = to
    return content


def test_a_sound_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "causeway.yaml"
    path.write_text(yaml.safe_dump(make_configuration()))

    loaded = configuration.load(path)

    assert loaded.projects["bikes"].sources == {"dev": ["main.bikes.*"]}
    assert loaded.links[0].source == "dev"


def test_the_shipped_schema_describes_a_sound_file() -> None:
    schema = json.loads(configuration.schema())

    jsonschema.validate(make_configuration(), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed("projects", "bikes", "colour", to="red"), schema)


AZURE, TO_PROD = ("projects", "bikes", "audiences", "azure"), {"recipients": [{"workspace": "prod"}]}


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("projects", "bikes", "colour"), "red", "projects.bikes.colour"),
        (("workspaces", "dev", "host"), "http://dev.example.test", "loopback"),
        (("workspaces", "dev", "host"), "https://user@dev.example.test", "no user"),
        (("workspaces", "dev", "host"), "https://dev.example.test/path", "no path"),
        (("workspaces", "dev", "auth"), {"type": "pat", "token": "dapi-secret"}, "never as its value"),
        (("workspaces", "dev", "auth"), {"type": "pat", "token": {"env": "A", "file": "b"}}, "exactly one"),
        (("workspaces", "dev", "auth"), {"token": {"env": "A"}}, "auth"),
        (("links",), [{"from": "dev", "to": "mars"}], "mars"),
        (("projects", "bikes", "runners"), {"mars": "x"}, "mars"),
        (("projects", "bikes", "roles", "publisher"), ["service:unheard-of"], "no owner"),
        (("projects", "bikes", "roles", "approver"), ["service:bikes-ci"], "not a person"),
        (("projects", "bikes", "roles", "publisher"), ["alice"], "roles.publisher"),
        (("projects", "bikes", "sources", "dev"), ["main.*.secret"], "sources.dev"),
        (("projects", "bikes", "volumes", "dev"), "main.trains.files", "share volume"),
        (("projects", "bikes", "volumes", "dev"), "causeway.control.files", "control volume"),
        (("projects", "bikes", "sources", "dev"), ["main.*"], "both claim sources"),
        (("projects", "bikes", "endpoints", "prod"), ["trains-a*"], "both claim endpoints"),
        (("projects", "bikes", "runners", "dev"), "trains-runner-a", "share runner"),
        (("projects", "bikes", "audiences", "azure"), {"recipients": [{}]}, "one of them"),
        (("audit",), {"signing_key": "-----BEGIN PRIVATE KEY-----"}, "never as its value"),
        (("audit",), {"trusted_keys": ["ssh-ed25519 AAAA"]}, "audit.trusted_keys.0"),
        (("projects", "bikes", "audiences", "azure"), {"recipients": [{"workspace": "mars"}]}, "mars"),
        (AZURE, {**TO_PROD, "tables": {"dev": ["main.trains.rides"]}}, "main.trains.rides is not among"),
        (AZURE, {**TO_PROD, "policy": {"approvals": 2}}, "2 approval(s) are needed, and the project has 1"),
        (AZURE, {**TO_PROD, "policy": {"metrics": {"rmse": {}}}}, "at_most, at_least or both"),
        (AZURE, {**TO_PROD, "policy": {"metrics": {"rmse": {"at_most": float("nan")}}}}, "finite"),
        (AZURE, {**TO_PROD, "policy": {"signature": False}}, "policy.signature"),
    ],
)
def test_a_mistake_is_named_where_it_stands(tmp_path: Path, path: tuple[str, ...], value: Any, said: str) -> None:
    assert said in mistakes(tmp_path, changed(*path, to=value))


def test_two_projects_that_derive_one_share_name_are_refused(tmp_path: Path) -> None:
    content = make_configuration()
    audience = {"recipients": [{"workspace": "prod"}]}
    content["projects"]["bikes"]["audiences"] = {"east_azure": audience}
    content["projects"]["bikes_east"] = {**content["projects"].pop("trains"), "audiences": {"azure": audience}}

    assert "causeway_bikes_east_azure" in mistakes(tmp_path, content)


def taking(share: str, sharing_identifier: str = "aws:us-west-2:acme") -> dict[str, Any]:
    """What projects say of a partner called acme."""
    return {"prod": {"acme": {"sharing_identifier": sharing_identifier, "shares": [share]}}}


def test_what_is_taken_from_a_partner_belongs_to_one_project(tmp_path: Path) -> None:
    content = changed("projects", "bikes", "partners", to=taking("forecasts"))
    content["projects"]["trains"]["partners"] = taking("Forecasts")
    assert "bikes and trains both take share forecasts of aws:us-west-2:acme in prod" in mistakes(tmp_path, content)

    audience = {"recipients": [{"workspace": "prod"}]}
    content = changed("projects", "bikes", "partners", to=taking("x"))
    content["projects"]["bikes_acme"] = {**content["projects"].pop("trains"), "audiences": {"x": audience}}
    assert "both derive the catalog name causeway_bikes_acme_x" in mistakes(tmp_path, content)

    for catalog in ("causeway_bikes_acme_x.*", "causeway_bikes_azure.bikes.demand", "causeway_*"):
        content = changed("projects", "bikes", "partners", to=taking("x"))
        content["projects"]["trains"]["sources"]["prod"] = [catalog]
        assert f"projects.trains.sources.prod: {catalog} is in causeway_bikes" in mistakes(tmp_path, content)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("partners", taking("causeway_trains_azure"), "is the share of project trains"),
        ("partners", taking("a.b"), "partners.prod.acme.shares"),
        ("partners", taking("x", "acme.example"), "partners.prod.acme.sharing_identifier"),
        ("partners", {"mars": {}}, "mars"),
        ("readers", {"prod": ["trains-runner-b"]}, "is the runner of trains"),
        ("readers", {"mars": ["analysts"]}, "mars"),
    ],
)
def test_a_mistake_about_partners_and_readers_is_named(tmp_path: Path, key: str, value: Any, said: str) -> None:
    assert said in mistakes(tmp_path, changed("projects", "bikes", key, to=value))


def test_the_control_identity_cannot_be_a_runner(tmp_path: Path) -> None:
    content = make_configuration()
    content["workspaces"]["dev"]["auth"] = {
        "type": "oauth-m2m",
        "client_id": "bikes-runner-a",
        "client_secret": {"env": "A"},
    }

    assert "control identity" in mistakes(tmp_path, content)


@pytest.mark.parametrize("content", ["[", "just text", "- a\n- b", "workspaces: 3", "a: &a [*a]"])
def test_what_is_no_configuration_at_all_is_refused_in_words(tmp_path: Path, content: str) -> None:
    assert mistakes(tmp_path, content)


def test_a_missing_file_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationInvalid, match="cannot be read"):
        configuration.load(tmp_path / "absent.yaml")


def test_a_secret_is_read_where_it_lies_and_its_absence_names_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("A_SECRET", "from the environment")

    assert Secret(file=tmp_path / "secret").read() == "from a file"
    assert Secret(env="A_SECRET").read() == "from the environment"
    with pytest.raises(SecretUnreadable, match="NO_SUCH_VARIABLE"):
        Secret(env="NO_SUCH_VARIABLE").read()


PATTERNS = st.text(alphabet="ab.", min_size=1, max_size=5).flatmap(lambda text: st.sampled_from([text, f"{text}*"]))


@given(PATTERNS, PATTERNS, st.text(alphabet="ab.", min_size=1, max_size=7))
def test_patterns_that_fit_one_name_are_never_given_to_two_projects(first: str, second: str, name: str) -> None:
    def fits(pattern: str) -> bool:
        return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern

    if fits(first) and fits(second):
        assert list(_clashes([first], [second])) == [(first, second)]
