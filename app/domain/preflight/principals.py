"""Are Causeway's identities the ones they should be: known, no persons, no admins, apart from one another?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from app import configuration
from app.configuration import AccessToken, OAuthClient
from app.domain.preflight.checks import GREEN, RED, UNKNOWN, WARNING, Finding, Prerequisite, tell
from app.domain.preflight.rights import CONTROL, RUNNER
from app.domain.preflight.sight import Sight
from app.errors import CredentialsUnreadable, Problem, TokenRefused, WorkspaceRefused
from app.workspaces import admin_commands, identities, metastores, preflight

ADMINS, WORKSPACE_ACCESS = "admins", "workspace-access"
CONTROL_NAME = "causeway-control"
SOON, VERY_SOON = timedelta(days=30), timedelta(days=7)


def list_of_control(workspace: str) -> list[Prerequisite]:
    """What control must be; the first of them says whether it is worth asking on."""
    auth = configuration.current().workspaces[workspace].auth
    client_id = auth.client_id if isinstance(auth, OAuthClient) else None
    make = admin_commands.ensure_service_principal(workspace, client_id, CONTROL_NAME)
    # A token's owner, and another token, are nothing that a command could choose.
    sign_in = [*make, *_make_secret(workspace, auth)] if client_id else []
    lasting = "a service principal: what control makes belongs to it, and an endpoint's creator can never be changed"
    entitled = [*make, *admin_commands.entitle(workspace, client_id)] if client_id else []
    return [
        Prerequisite(
            "workspace-answers",
            workspace,
            "the workspace answers, and lets control in with the secret that the configuration refers to",
            _look_whether_it_answers,
            commands=sign_in,
        ),
        Prerequisite("control-is-no-person", CONTROL, lasting, _look_for_a_person, commands=make),
        Prerequisite(
            *("control-is-no-admin", CONTROL, f"neither one of the workspace's {ADMINS} nor a metastore admin"),
            _look_for_an_admin,
        ),
        Prerequisite(
            *("control-may-enter", CONTROL, f"the entitlement {WORKSPACE_ACCESS}: without it, nothing is served"),
            _look_for_the_entitlement,
            commands=entitled,
        ),
        Prerequisite("credential-lasts", CONTROL, f"a secret for {SOON.days} days and more", _look_for_an_end),
    ]


def list_of_runner(workspace: str, project: str, runner: str) -> list[Prerequisite]:
    """What a project's runner must be, and that control may start jobs as it."""
    control = Sight(workspace).configured_control
    make = admin_commands.ensure_service_principal(workspace, runner, f"causeway-runner-{project}")
    run_as = admin_commands.let_run_as(workspace, control, runner) if control else []
    return [
        Prerequisite(
            *("runner-is-known", RUNNER, f"{runner}, an active service principal of the workspace"),
            lambda sight: _look_for_a_runner(sight, runner),
            project,
            make,
        ),
        Prerequisite(
            *("runner-is-separate", RUNNER, "another identity than control: a model is somebody's code"),
            lambda sight: _look_whether_separate(sight, runner),
            project,
        ),
        Prerequisite(
            *("runner-is-no-admin", RUNNER, f"neither one of the workspace's {ADMINS} nor a metastore admin"),
            lambda sight: _look_for_a_runner_as_admin(sight, runner),
            project,
        ),
        Prerequisite(
            *("control-starts-jobs", RUNNER, f"{preflight.RUN_AS_ROLE} on {runner}, for control"),
            lambda sight: _look_whether_usable(sight, runner),
            project,
            [*make, *run_as],
        ),
    ]


def _look_whether_it_answers(sight: Sight) -> Finding:
    try:
        found = sight.ask(identities.get_self, as_control=True)
    except (CredentialsUnreadable, TokenRefused, WorkspaceRefused) as problem:
        if sight.admin is None:
            sight.stop_asking(problem)
        # A refused token is made up for by a fresh one; a refused secret is not.
        return Finding(RED, tell(problem), [] if isinstance(problem, TokenRefused) else None)
    except Problem as problem:
        sight.stop_asking(problem)
        return Finding(RED, tell(problem), [])
    return Finding(GREEN, f"it answers, and knows control as {found.identity.name}")


def _look_for_a_person(sight: Sight) -> Finding:
    control = sight.get_control()
    if not control.is_person:
        return Finding(GREEN, f"{control.name} is a service principal")
    return Finding(
        WARNING,
        f"{control.name} is a person. When this person leaves, endpoints can no longer be changed, shares show nothing "
        "more, and what control made has no owner who could mend it",
    )


def _look_for_an_admin(sight: Sight) -> Finding:
    control = sight.get_control()
    if powers := _list_powers(sight, control):
        return Finding(RED, f"{control.name} {' and '.join(powers)}: none of its rights can be told from another's")
    return Finding(GREEN, f"{control.name} belongs to {', '.join(control.groups) or 'no group'}")


def _look_for_the_entitlement(sight: Sight) -> Finding:
    control = sight.get_control()
    if WORKSPACE_ACCESS in control.entitlements or ADMINS in control.groups:
        return Finding(GREEN, f"entitled to {', '.join(control.entitlements) or 'everything, as an admin'}")
    if control.groups:
        return Finding(WARNING, f"not by itself; perhaps by its groups {', '.join(control.groups)}")
    return Finding(RED, f"entitled to {', '.join(control.entitlements) or 'nothing'}")


def _look_for_an_end(sight: Sight) -> Finding:
    auth = configuration.current().workspaces[sight.workspace].auth
    if isinstance(auth, AccessToken):
        ends = sight.ask(preflight.list_token_ends, as_control=True)
        if None in ends:
            return Finding(WARNING, "a token of control's never ends: whoever finds it may use it for ever")
        what, last = "token", max((end for end in ends if end is not None), default=None)
    else:
        what, last = "secret", max(sight.ask(preflight.list_secret_ends, sight.get_control().id), default=None)
    if last is None:
        return Finding(UNKNOWN, f"no {what} of control's is told")
    # Which of several is in use is not told: an older one may be.
    seen = f"the last {what} of control's ends at {last:%Y-%m-%d %H:%M} UTC"
    left = last - datetime.now(UTC)
    state = RED if left < VERY_SOON else WARNING if left < SOON else GREEN
    return Finding(state, seen, _make_secret(sight.workspace, auth))


def _make_secret(workspace: str, auth: OAuthClient | AccessToken) -> list[str]:
    if not isinstance(auth, OAuthClient):
        return []
    variable = auth.client_secret.env or f"{workspace.upper()}_CONTROL_SECRET"
    return admin_commands.make_secret(workspace, auth.client_id, variable)


def _look_for_a_runner(sight: Sight, runner: str) -> Finding:
    is_active = sight.get_service_principal(runner).is_active
    return Finding(GREEN, f"{runner} is active") if is_active else Finding(RED, f"{runner} is not active", [])


def _look_whether_separate(sight: Sight, runner: str) -> Finding:
    control = sight.configured_control or sight.get_control().name
    if control == runner:
        return Finding(RED, "it is control itself: whoever can register a model owns the control plane")
    return Finding(GREEN, f"control is {control}")


def _look_for_a_runner_as_admin(sight: Sight, runner: str) -> Finding:
    found = sight.get_service_principal(runner)
    if powers := _list_powers(sight, found):
        return Finding(RED, f"it {' and '.join(powers)}: a team's code may do everything there")
    if sight.admin is None and not found.groups:
        return Finding(UNKNOWN, "to whom it belongs is told to admins alone")
    return Finding(GREEN, f"it belongs to {', '.join(found.groups) or 'no group'}")


def _look_whether_usable(sight: Sight, runner: str) -> Finding:
    control = sight.get_control()
    users = sight.ask(preflight.list_users, sight.ask(preflight.get_account), runner)
    names = {f"servicePrincipals/{control.name}", f"users/{control.name}", *(f"groups/{one}" for one in control.groups)}
    if names.isdisjoint(users):
        return Finding(RED, f"it may be used by {', '.join(users) or 'nobody'}")
    return Finding(GREEN, "control may start jobs as it")


def _list_powers(sight: Sight, identity: identities.Identity) -> list[str]:
    powers = ["is a workspace admin"] if ADMINS in identity.groups else []
    if sight.ask(metastores.get_metastore).owner in {identity.name, *identity.groups}:
        powers.append("is a metastore admin")
    return powers
