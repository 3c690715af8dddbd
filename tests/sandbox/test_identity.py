"""Who is who: personal tokens, OAuth tokens that expire, secrets, rule sets."""

import time
from typing import Any

import pytest
import requests
from databricks.sdk.errors import NotFound, PermissionDenied, ResourceConflict
from databricks.sdk.service.iam import GrantRule, RuleSetUpdateRequest

from tests.sandbox.running import Person, Sandbox

RUN_AS = "roles/servicePrincipal.user"


def make_secret(sandbox: Sandbox, person: Person, **options: Any) -> dict[str, Any]:
    made = sandbox.client(person.workspace).service_principal_secrets_proxy.create(person.id, **options)
    return {"auth_type": "oauth-m2m", "client_id": person.application_id, "client_secret": made.secret}


def test_a_service_principal_is_itself_and_no_admin(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    me = person.client.current_user.me()
    assert me.user_name == person.application_id
    assert not me.groups
    assert sandbox.client("dev").current_user.me().groups[0].display == "admins"


def test_only_the_admin_makes_principals_tokens_and_secrets(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    with pytest.raises(PermissionDenied):
        person.client.service_principals.create(display_name="mine")
    with pytest.raises(PermissionDenied):
        person.client.token_management.create_obo_token(person.application_id)
    with pytest.raises(PermissionDenied):
        person.client.service_principal_secrets_proxy.create(person.id)


def test_service_principals_are_found_by_application_id(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    found = list(sandbox.client("dev").service_principals.list(filter=f'applicationId eq "{person.application_id}"'))
    assert [one.id for one in found] == [person.id]


def test_an_account_of_one_cloud_is_unknown_on_the_other(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    assert (
        list(sandbox.client("prod").service_principals.list(filter=f"applicationId eq {person.application_id}")) == []
    )


def test_oauth_gives_a_token_for_the_right_secret_only(sandbox: Sandbox) -> None:
    person = sandbox.person("prod")
    config = make_secret(sandbox, person)
    assert sandbox.client("prod", **config).current_user.me().user_name == person.application_id
    with pytest.raises(ValueError, match="invalid_client"):
        sandbox.client("prod", **{**config, "client_secret": "guess"}).current_user.me()


def test_oauth_tokens_expire_and_the_client_gets_new_ones(slow_sandbox: Sandbox) -> None:
    sandbox = slow_sandbox
    config = make_secret(sandbox, sandbox.person("dev"))
    form = {"grant_type": "client_credentials", "scope": "all-apis"}
    given = requests.post(
        sandbox.workspaces["dev"]["host"] + "/oidc/v1/token",
        data=form,
        auth=(config["client_id"], config["client_secret"]),
        timeout=10,
    ).json()
    assert given["expires_in"] == 3
    me = "/api/2.0/preview/scim/v2/Me"
    assert sandbox.call("dev", "GET", me, token=given["access_token"]).status_code == 200
    client = sandbox.client("dev", **config)
    assert client.current_user.me().user_name == config["client_id"]
    deadline = time.monotonic() + 10
    while (answer := sandbox.call("dev", "GET", me, token=given["access_token"])).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert "Invalid access token" in answer.json()["message"]
    assert client.current_user.me().user_name == config["client_id"]


def test_a_personal_token_ends_with_its_lifetime_its_revocation_or_its_principal(sandbox: Sandbox) -> None:
    person, admin = sandbox.person("dev"), sandbox.client("dev")
    short = admin.token_management.create_obo_token(person.application_id, lifetime_seconds=0)
    with pytest.raises(PermissionDenied):
        sandbox.client("dev", short.token_value).current_user.me()
    long = admin.token_management.create_obo_token(person.application_id)
    client = sandbox.client("dev", long.token_value)
    client.current_user.me()
    admin.token_management.delete(long.token_info.token_id)
    with pytest.raises(PermissionDenied):
        client.current_user.me()
    person.client.current_user.me()
    admin.service_principals.delete(person.id)
    with pytest.raises(PermissionDenied):
        person.client.current_user.me()


def test_a_deleted_secret_gives_no_more_tokens(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    config = make_secret(sandbox, person)
    secrets = sandbox.client("dev").service_principal_secrets_proxy
    secret = next(iter(secrets.list(person.id)))
    assert not hasattr(secret, "secret")
    secrets.delete(person.id, secret.id)
    with pytest.raises(ValueError, match="invalid_client"):
        sandbox.client("dev", **config).current_user.me()


def test_a_rule_set_is_replaced_only_with_the_etag_that_was_read(sandbox: Sandbox) -> None:
    one, other = sandbox.person("dev"), sandbox.person("dev")
    admin = sandbox.client("dev")
    name = f"accounts/{admin.config.account_id}/servicePrincipals/{one.application_id}/ruleSets/default"
    rules = [GrantRule(role=RUN_AS, principals=[f"servicePrincipals/{other.application_id}"])]
    read = admin.account_access_control_proxy.get_rule_set(name, "")
    wanted = RuleSetUpdateRequest(name=name, etag=read.etag, grant_rules=rules)
    with pytest.raises(PermissionDenied):
        other.client.account_access_control_proxy.update_rule_set(name, wanted)
    admin.account_access_control_proxy.update_rule_set(name, wanted)
    assert admin.account_access_control_proxy.get_rule_set(name, "").grant_rules == rules
    with pytest.raises(ResourceConflict):
        admin.account_access_control_proxy.update_rule_set(name, wanted)


def test_a_token_for_nobody_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(NotFound):
        sandbox.client("dev").token_management.create_obo_token("nobody")
