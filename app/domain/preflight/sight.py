"""With whose eyes is the workspace looked at, what was seen already, and how long may it take?"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, TypeVar

from app import configuration
from app.configuration import AccessToken, OAuthClient
from app.domain.preflight.rights import Place
from app.errors import Problem, UpstreamNotFound
from app.workspaces import clients, grants, identities, metastores, owners
from app.workspaces.identities import Identity

# Each question by itself, and all of them: less than a caller of a live view waits.
LOOK_SECONDS = 5.0
ALL_SECONDS = 14.0
Seen = TypeVar("Seen")


class NoTimeLeft(Exception):
    """A question was not asked, because those before it took all the time that there was."""


@dataclass
class Sight:
    """One look at a workspace: each question is asked once, whoever wants to know, and none after time has run out.

    With `admin` it is asked with an admin's token instead of as control, whom the platform tells little of others.
    """

    workspace: str
    admin: AccessToken | None = None
    ends_at: float = field(default_factory=lambda: time.monotonic() + ALL_SECONDS)
    _seen: dict[Any, Any] = field(default_factory=dict)
    _silence: Problem | None = None

    def ask(self, function: Callable[..., Seen], *args: Any, as_control: bool = False) -> Seen:
        """What `function(workspace, *args)` says, once; raises, each time, what it raised, or `NoTimeLeft`."""
        key = (function, args, as_control)
        if key not in self._seen:
            self._seen[key] = self._look(function, args, as_control)
        seen: Any = self._seen[key]
        if isinstance(seen, Problem):
            raise seen
        return seen  # type: ignore[no-any-return]

    def stop_asking(self, problem: Problem) -> None:
        """The workspace has not let us in: further questions would only wait for the same answer."""
        self._silence = self._silence or problem

    @property
    def configured_control(self) -> str | None:
        """Control's application id; None where it is a personal access token's, which only the workspace can tell."""
        auth = configuration.current().workspaces[self.workspace].auth
        return auth.client_id if isinstance(auth, OAuthClient) else None

    def get_control(self) -> Identity:
        """Control as the workspace knows it; raises `UpstreamNotFound` when there is no such service principal."""
        if self.admin is None or self.configured_control is None:
            return self.ask(identities.get_self, as_control=True).identity
        return self.get_service_principal(self.configured_control)

    def get_service_principal(self, application_id: str) -> Identity:
        """The service principal; raises `UpstreamNotFound`."""
        found = self.ask(identities.find_service_principal, application_id)
        if found is None:
            raise UpstreamNotFound(workspace=self.workspace, kind="service principal", name=application_id)
        return found

    def get_held(self, place: Place) -> dict[str, set[str]]:
        """The privileges in force at the place, by principal: those that the platform tells."""
        name = place.name or self.ask(metastores.get_metastore).id
        return self.ask(grants.list_effective, place.kind, name)

    def get_owner(self, place: Place) -> str | None:
        """To whom the place belongs."""
        if place.kind == "metastore":
            return self.ask(metastores.get_metastore).owner
        return self.ask(owners.get_owner, place.kind, place.name)

    def is_told_all(self, place: Place) -> bool:
        """Whether the platform tells whoever asks everybody's grants at the place, and not their own alone [DOC]."""
        if self.admin is not None:
            return True
        control = self.get_control()
        names = {control.name, *control.groups}
        holds = set().union(*(held for name, held in self.get_held(place).items() if name in names))
        return "MANAGE" in holds or self.get_owner(place) in names

    def _look(self, function: Callable[..., Any], args: tuple[Any, ...], as_control: bool) -> Any:
        if self._silence is not None:
            return self._silence
        if time.monotonic() >= self.ends_at:
            raise NoTimeLeft
        eyes = clients.asking_as(self.admin) if self.admin and not as_control else nullcontext()
        try:
            with eyes:
                return function(self.workspace, *args, timeout_seconds=LOOK_SECONDS)
        except Problem as problem:
            return problem
