"""Which workspaces `make live` plays in, from the environment alone; run as a program, it says what is missing."""

from __future__ import annotations

import sys
from typing import Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict


class LiveSettings(BaseSettings):
    """Read from `LIVE_…`. `app/demo/grants.sh` makes the identities and writes most of these into its ENV_FILE."""

    model_config = SettingsConfigDict(env_prefix="LIVE_", env_ignore_empty=True, hide_input_in_errors=True)

    dev_host: str
    dev_client_id: str
    dev_client_secret: SecretStr
    dev_runner: str
    prod_host: str
    prod_client_id: str
    prod_client_secret: SecretStr
    prod_runner: str
    dev_cloud: str = "aws"
    prod_cloud: str = "azure"
    project: str = "bikes"
    catalog: str = "main"
    audience: str = "live"
    volume: str = "causeway.control.files"
    shareable_catalog: str = "causeway_shareable"
    deadline_seconds: float = 3 * 3600

    @property
    def schema_name(self) -> str:
        """The project's own schema, the same name in both workspaces."""
        return f"{self.catalog}.{self.project}"

    @property
    def secrets(self) -> dict[str, str]:
        """What the service finds in its environment."""
        return {
            "LIVE_DEV_CLIENT_SECRET": self.dev_client_secret.get_secret_value(),
            "LIVE_PROD_CLIENT_SECRET": self.prod_client_secret.get_secret_value(),
        }

    def make_configuration(self, principal: str) -> dict[str, Any]:
        """`causeway.yaml` for the two workspaces, in which the principal may do everything that the journey does."""
        project = {
            "runners": {"dev": self.dev_runner, "prod": self.prod_runner},
            "volumes": dict.fromkeys(("dev", "prod"), f"{self.schema_name}.files"),
            "sources": {"dev": [f"{self.schema_name}.*"]},
            "endpoints": {"prod": [f"{self.project}-*"]},
            "audiences": {self.audience: {"recipients": [{"workspace": "prod"}]}},
            "roles": {role: [principal] for role in ("publisher", "deployer", "invoker")},
        }
        dev = {**self._describe("dev"), "shareable_catalog": self.shareable_catalog}
        return {
            "workspaces": {"dev": dev, "prod": self._describe("prod")},
            "links": [{"from": "dev", "to": "prod"}],
            "projects": {self.project: project},
        }

    def _describe(self, name: str) -> dict[str, Any]:
        secret = {"env": f"LIVE_{name.upper()}_CLIENT_SECRET"}
        auth = {"type": "oauth-m2m", "client_id": getattr(self, f"{name}_client_id"), "client_secret": secret}
        place = {"host": getattr(self, f"{name}_host"), "cloud": getattr(self, f"{name}_cloud")}
        return {**place, "volume": self.volume, "auth": auth}


def list_missing() -> list[str]:
    """The variables that have no value, or one that cannot be used."""
    try:
        LiveSettings()
    except ValidationError as error:
        return [f"LIVE_{str(one['loc'][0]).upper()}" for one in error.errors()]
    return []


if __name__ == "__main__":
    if missing := list_missing():
        sys.exit(f"make live needs two workspaces. Missing: {', '.join(missing)}. See docs/live.md")
