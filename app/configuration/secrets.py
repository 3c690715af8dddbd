"""References to secrets, so that the configuration file itself is safe to keep in git."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class SecretUnreadable(Exception):
    """The variable or file that a secret refers to is missing or empty."""


class Secret(BaseModel):
    """`{env: NAME}` or `{file: PATH}`; the value is read when it is needed and kept nowhere."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="before")
    @classmethod
    def _refuse_literals(cls, given: Any) -> Any:
        if isinstance(given, str):
            raise ValueError("write a secret as {env: NAME} or {file: PATH}, never as its value")
        return given

    @model_validator(mode="after")
    def _one_place(self) -> Secret:
        if (self.env is None) == (self.file is None):
            raise ValueError("name exactly one of env and file")
        return self

    def read(self) -> str:
        """The secret's value now; raises `SecretUnreadable` that names the place, never the value."""
        if self.env is not None:
            value, place = os.environ.get(self.env, ""), f"environment variable {self.env}"
        else:
            value, place = self._from_file(), f"file {self.file}"
        if not value:
            raise SecretUnreadable(f"{place} is missing or empty")
        return value

    def _from_file(self) -> str:
        try:
            return Path(str(self.file)).read_text().strip()
        except OSError:
            return ""
