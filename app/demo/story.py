"""The story: a model is trained where it is made, and ends in an endpoint where it serves. A chapter a function."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console, RenderableType
from rich.padding import Padding

from app.demo import pictures
from app.demo.caller import Caller
from app.demo.progress import doing, follow
from app.demo.stage import DATA, DATA_PATH

MODEL = "main.bikes.demand"
TARGET = "bikers"
LEAKING = ["casual", "registered"]
TIME_COLUMN = "day"
AUDIENCE = "azure"
ENDPOINT = "bikes-demand"
HELD_OUT = 0.2
# Both answers come from the same bytes in the same environment, as text with all digits: they should be equal to the
# last bit, and are held to 1e-9.
TOLERANCE = 1e-9
TYPES = {"integer": int, "long": int, "float": float, "double": float}


class Mismatch(Exception):
    """Something came out otherwise than the story promises."""


@dataclass
class Story:
    """What is known so far; each chapter adds to it."""

    console: Console
    caller: Caller
    trials: int
    training: dict[str, Any] = field(default_factory=dict)
    publication: dict[str, Any] = field(default_factory=dict)
    catalog_model: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    true: list[float] = field(default_factory=list)
    scored: list[float] = field(default_factory=list)
    served: list[float] = field(default_factory=list)

    @property
    def version(self) -> int:
        """The version that the consumer sees."""
        return int(self.publication["published"]["version"])

    def show(self, *pictures: RenderableType) -> None:
        """Print pictures, all of them indented alike."""
        for picture in pictures:
            self.console.print(Padding(picture, (1, 0, 0, 4), expand=False))

    def perform(self, path: str, **body: Any) -> dict[str, Any]:
        """Start an operation of the project, follow it, and return the record that it made."""
        operation = self.caller.start(path, {"project": "bikes", **body})
        done = follow(self.console, self.caller, operation)
        return self.caller.get(done["resource"]["url"])


def train(story: Story) -> None:
    """Profile the data, search, register the best model with its signature and metrics."""
    story.training = run = story.perform(
        "/v1/training-runs",
        workspace="dev",
        data=DATA_PATH,
        target=TARGET,
        model=MODEL,
        exclude=LEAKING,
        time_column=TIME_COLUMN,
        holdout_fraction=HELD_OUT,
        max_trials=story.trials,
        seed=7,
        baseline_categories=["hr", "weekday", "season"],
    )
    story.show(pictures.show_profile(run), pictures.show_leaderboard(run))
    story.show(pictures.show_metrics(run), pictures.show_version(run))
    inputs = {column["name"] for column in run["outcome"]["signature"]["inputs"]}
    if leaked := inputs & {*LEAKING, TARGET}:
        raise Mismatch(f"The signature takes {', '.join(sorted(leaked))}, which give the target away.")


def publish(story: Story) -> None:
    """Copy the version, prove the copy, and share it with the audience."""
    version = story.training["version"]
    body = {"workspace": "dev", "model": MODEL, "version": version, "audience": AUDIENCE}
    story.publication = story.perform("/v1/publications", **body)
    story.show(pictures.show_publication(story.publication))


def accept(story: Story) -> None:
    """Make a catalog from the share where the model is to serve."""
    body = {"workspace": "prod", "provider": {"workspace": "dev"}, "audience": AUDIENCE}
    acceptance = story.perform("/v1/acceptances", **body)
    story.catalog_model = f"{acceptance['catalog']}.{story.publication['shared_as']}"
    story.show(pictures.show_acceptance(acceptance))


def score(story: Story) -> None:
    """Score a day that the model has never seen, ad hoc, with the shared model."""
    story.rows, story.true = _read_unseen_day(story.training["outcome"]["signature"]["inputs"])
    body = {"workspace": "prod", "model": story.catalog_model, "version": story.version, "rows": story.rows}
    run = story.perform("/v1/scoring-runs", **body)
    predictions = story.caller.list_all(f"/v1/scoring-runs/{run['id']}/predictions")
    story.scored = [_as_number(prediction) for prediction in predictions]
    story.show(pictures.show_demand(story.rows, story.scored, story.true))


def deploy(story: Story) -> None:
    """Serve the shared model from an endpoint, and ask it about the same day."""
    body = {"workspace": "prod", "endpoint": ENDPOINT, "model": story.catalog_model, "version": story.version}
    deployment = story.perform("/v1/deployments", **body)
    path = f"/v1/workspaces/prod/serving-endpoints/{ENDPOINT}"
    with doing(story.console, f"ask the endpoint about {len(story.rows)} rows"):
        answer = story.caller.post(f"{path}/invocations", {"dataframe_records": story.rows})
    story.served = [_as_number(prediction) for prediction in answer["predictions"]]
    story.show(pictures.show_deployment(deployment, story.caller.get(path)))


def trace(story: Story) -> None:
    """Where the endpoint's model comes from, and who did what."""
    lineage = story.caller.get("/v1/lineage", workspace="prod", endpoint=ENDPOINT)
    story.show(pictures.show_lineage(lineage))
    events = list(story.caller.list_all("/v1/audit-events"))
    story.show(pictures.show_audit(events[::-1]))


def compare(story: Story) -> None:
    """Both answers side by side; raises `Mismatch` unless all of them are equal."""
    table, all_equal = pictures.show_comparison(story.scored, story.served, TOLERANCE)
    story.show(table)
    if not all_equal or len(story.served) != len(story.rows):
        raise Mismatch("The endpoint's answers differ from the ad-hoc ones.")


def _read_unseen_day(inputs: list[dict[str, str]]) -> tuple[list[dict[str, Any]], list[float]]:
    """The model's inputs for the first whole day of the held-out rows, and its true demand."""
    with DATA.open(newline="") as lines:
        table = list(csv.DictReader(lines))
    held_out = table[-int(len(table) * HELD_OUT) :]
    days = [row[TIME_COLUMN] for row in held_out]
    whole = next(day for day in days if days.count(day) == 24)
    chosen = [row for row in held_out if row[TIME_COLUMN] == whole]
    rows = [
        {column["name"]: TYPES.get(column["type"], str)(row[column["name"]]) for column in inputs} for row in chosen
    ]
    return rows, [float(row[TARGET]) for row in chosen]


def _as_number(prediction: Any) -> float:
    """A prediction is a number, or an object with one: that depends on the model's own wrapper."""
    return float(next(iter(prediction.values())) if isinstance(prediction, dict) else prediction)
