"""The whole way of a model between two workspaces, by Causeway's API, and by the platform's own as control alone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from databricks.sdk import WorkspaceClient
from databricks.sdk.core import Config
from databricks.sdk.errors import NotFound

from tests.live.live_settings import LiveSettings
from tests.sandbox.running import unique
from tests.service_process import Service, wait_for_end

DATA = Path(__file__).parents[2] / "app/sandbox/data/bikeshare.csv"
PLAYER = "person:live@example.test"
ROW: dict[str, Any] = {"season": 4, "hr": 8, "holiday": 0, "weekday": 2, "workingday": 1, "temp": 0.4, "atemp": 0.4}
ROW |= {"hum": 0.6, "windspeed": 0.1, "mnth": "Nov", "weathersit": "clear"}


@dataclass
class Journey:
    """One passage: what each stage left, by its name. Whatever it made is taken away again when it ends."""

    settings: LiveSettings
    service: Service
    last: str = field(default_factory=lambda: unique("live"))
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, list[float]] = field(default_factory=dict)

    def play(self) -> None:
        """Train, publish, accept, score, deploy, predict, give back, withdraw."""
        self.client = self.service.client(PLAYER)
        place = {"project": self.settings.project}
        model, data = f"{self.settings.schema_name}.{self.last}", self._put_data()
        try:
            asked = {"data": data, "target": "bikers", "exclude": ["casual", "registered"], "time_column": "day"}
            effort = {"max_trials": 2, "learners": ["lgbm"]}
            self._do("train", "training-runs", {**place, "workspace": "dev", "model": model, **asked, **effort})
            source = {"workspace": "dev", "model": model, "version": 1, "audience": self.settings.audience}
            published = self._do("publish", "publications", {**place, **source})
            provider = {"provider": {"workspace": "dev"}, "audience": self.settings.audience}
            accepted = self._do("accept", "acceptances", {**place, "workspace": "prod", **provider})
            seen = {"workspace": "prod", "model": f"{accepted['catalog']}.{published['shared_as']}"}
            seen |= {"version": published["published"]["version"]}
            # Neither waits for the other, and each may take a platform its time.
            scoring = self._ask("score", "scoring-runs", {**place, **seen, "rows": [ROW]})
            deployment = self._ask("deploy", "deployments", {**place, **seen, "endpoint": self.endpoint})
            scored = self._end("score", scoring)
            self.answers["scored"] = self._get(f"/v1/scoring-runs/{scored['id']}/predictions")["items"]
            self._end("deploy", deployment)
            path = f"/v1/workspaces/prod/serving-endpoints/{self.endpoint}/invocations"
            answer = self.client.post(path, json={"dataframe_records": [ROW]})
            assert answer.status_code == 200, answer.text
            self.answers["served"] = answer.json()["predictions"]
        finally:
            self._clear_away(data)

    @property
    def endpoint(self) -> str:
        """Its name is a pattern of the project's."""
        return f"{self.settings.project}-{self.last}".replace("_", "-")

    def _do(self, stage: str, collection: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._end(stage, self._ask(stage, collection, body))

    def _ask(self, stage: str, collection: str, body: dict[str, Any]) -> httpx.Response:
        return self.client.post(f"/v1/{collection}", json=body, headers=self._key(stage))

    def _take_away(self, stage: str, made_by: str, **query: str) -> None:
        if made_by in self.records:
            path = f"/v1/{self.records[made_by]['url']}"
            self._end(stage, self.client.delete(path, headers=self._key(stage), params=query))

    def _end(self, stage: str, accepted: httpx.Response) -> dict[str, Any]:
        assert accepted.status_code == 202, accepted.text
        ended = wait_for_end(self.client, accepted.json()["id"], self.settings.deadline_seconds)
        assert ended["state"] == "SUCCEEDED", ended
        url = ended["resource"]["url"]
        self.records[stage] = {**self._get(url), "url": url.removeprefix("/v1/")}
        return self.records[stage]

    def _get(self, path: str) -> dict[str, Any]:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _key(self, stage: str) -> dict[str, str]:
        return {"Idempotency-Key": f"{self.last}-{stage}"}

    def _put_data(self) -> str:
        path = f"/Volumes/{self.settings.schema_name.replace('.', '/')}/files/{self.last}.csv"
        with DATA.open("rb") as content:
            self._control("dev").files.upload(path, content, overwrite=True)
        return path

    def _clear_away(self, data: str) -> None:
        """The endpoint and the file by the platform's own API; what Causeway shared, by Causeway."""
        with suppress(NotFound):
            self._control("prod").serving_endpoints.delete(self.endpoint)
        self._take_away("give-back", "accept")
        self._take_away("withdraw", "publish")
        self._control("dev").files.delete(data)

    def _control(self, workspace: str) -> WorkspaceClient:
        known = self.settings
        secret = getattr(known, f"{workspace}_client_secret").get_secret_value()
        identity = {"client_id": getattr(known, f"{workspace}_client_id"), "client_secret": secret}
        return WorkspaceClient(
            config=Config(host=getattr(known, f"{workspace}_host"), auth_type="oauth-m2m", **identity)
        )


def play(folder: Path) -> Journey:
    """Start a service by the environment's settings alone, and play the journey with it."""
    settings = LiveSettings()
    service = Service(folder, settings.make_configuration(PLAYER), settings.secrets)
    try:
        journey = Journey(settings, service)
        journey.play()
        return journey
    finally:
        service.stop()
