"""The models that the serving tests score with and deploy, logged by the unmodified mlflow client."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.two_workspaces import TwoWorkspaces

SCHEMA = "shared_bikes_models.s"


@dataclass(frozen=True)
class Models:
    """The models of `log_models.py` in prod, which project bikes may use, and what demand's two versions predict."""

    schema: str
    row: dict[str, float]
    predicted: dict[int, list[float]]

    def body(self, last: str = "demand", version: int = 1, **more: object) -> dict[str, object]:
        """What scoring and deploying say of a model."""
        place = {"project": "bikes", "workspace": "prod"}
        return {**place, "model": f"{self.schema}.{last}", "version": version, **more}


def log_models(world: TwoWorkspaces, *last: str) -> Models:
    """The models of `log_models.py`, or of them `demand` alone under the name that is given."""
    admin = world.sandbox.client("prod")
    catalog, _, schema = SCHEMA.partition(".")
    admin.catalogs.create(catalog)
    admin.schemas.create(schema, catalog)
    for identity in ("PROD_CONTROL_ID", "PROD_RUNNER_bikes"):
        privileges = ("USE_CATALOG", "USE_SCHEMA", "EXECUTE")
        world.sandbox.grant("prod", "CATALOG", catalog, world.grants[identity], *privileges)
    script = Path(__file__).with_name("log_models.py")
    printed = world.sandbox.run_script(script, "prod", SCHEMA, "/Shared/serving-tests", *last)
    told = json.loads(printed.splitlines()[-1])
    return Models(SCHEMA, told["row"], {int(version): values for version, values in told["predicted"].items()})
