"""What is written beside the code says what the code says: the example, the schema, the tables of the README."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from app import configuration
from app.configuration import schema
from app.domain.preflight.rights import (
    CONTROL_VOLUME,
    COPY_SCHEMAS,
    METASTORE,
    PROJECT_SCHEMAS,
    PROJECT_VOLUME,
    RIGHTS,
    SHAREABLE_CATALOG,
)
from app.settings import Settings

REPOSITORY = Path(__file__).parents[1]
README = (REPOSITORY / "README.md").read_text()
GRANTS = (REPOSITORY / "app/demo/grants.sh").read_text()


def test_the_schema_file_is_what_the_program_prints() -> None:
    assert (REPOSITORY / "causeway.schema.json").read_text() == schema(), (
        "causeway config schema > causeway.schema.json"
    )


def test_the_example_can_be_used_and_fits_the_schema() -> None:
    example = REPOSITORY / "causeway.example.yaml"
    configuration.load(example)
    jsonschema.validate(yaml.safe_load(example.read_text()), json.loads(schema()))


def test_the_readme_names_every_key_of_the_configuration() -> None:
    table = README.split("### `causeway.yaml`")[1].split("\n### ")[0]
    parts = [json.loads(schema()), *json.loads(schema())["$defs"].values()]
    keys = {key for part in parts for key in part.get("properties", {})}
    assert {key for key in keys if not re.search(rf"\b{key}\b", table)} == set()


def test_the_readme_names_every_environment_variable_with_its_default() -> None:
    for name, field in Settings.model_fields.items():
        variable = field.validation_alias or f"CAUSEWAY_{name.upper()}"
        default = "none" if field.default is None else f"`{field.default}`"
        assert f"| `{variable}` | {default} |" in README


def test_the_table_of_rights_is_the_list_that_preflight_checks() -> None:
    labels = {
        METASTORE: "the metastore",
        SHAREABLE_CATALOG: "`causeway_shareable`",
        CONTROL_VOLUME: "`causeway.control.files`",
        PROJECT_VOLUME: "`main.<project>.files`",
        PROJECT_SCHEMAS: "schema `main.<project>`",
        COPY_SCHEMAS: "schema `main.<project>`, where it is declared under `sources`",
    }
    where = {"both": "both", "provider": "dev", "consumer": "prod"}
    wanted = []
    for right in RIGHTS:
        held = ", ".join(f"`{privilege}`" for privilege in right.privileges)
        told = f"owns {labels[right.place]}" if right.owns else f"{held} on {labels[right.place]}"
        way = f", {'with' if right.owns else 'and'} the way there" if "volume" in right.place else ""
        wanted.append(f"| {where[right.role]} | {right.holder} | {told}{way} | {right.why} |")
    rows = [row for row in README.splitlines() if re.match(r"\| (both|dev|prod) \| (control|runner) \|", row)]
    # The first is no right on data: control may run jobs as the runner, which preflight looks at by itself.
    assert rows[1:] == wanted


@pytest.mark.parametrize("who", ["control", "runner"])
def test_the_readme_names_every_right_that_the_script_grants(who: str) -> None:
    granted = re.findall(rf'^ *grant .*"\${who}" ([A-Z_ ]+)$', GRANTS, re.MULTILINE)
    rights = {right for line in granted for right in line.split()}
    assert "READ_VOLUME" in rights
    rows = [row for row in README.splitlines() if f"| {who} |" in row or '"The way there"' in row]
    assert {right for right in rights if f"`{right}`" not in "\n".join(rows)} == set()
