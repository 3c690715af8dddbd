"""What a Databricks partner does on its side, beside Causeway: shares made with the plain SDK by dev's admin."""

from databricks.sdk.service.sharing import AuthenticationType, PermissionsChange

from tests.sandbox.running import unique
from tests.sandbox.sharing import added
from tests.two_workspaces import TwoWorkspaces


def share_models(world: TwoWorkspaces, share: str, *models: str) -> None:
    """The partner's share with these models, for prod's metastore."""
    admin, identifier = world.sandbox.client("dev"), world.identifier("prod")
    known = list(admin.recipients.list(data_recipient_global_metastore_id=identifier))
    recipient = known[0].name if known else unique("recipient")
    if not known:
        admin.recipients.create(recipient, AuthenticationType.DATABRICKS, data_recipient_global_metastore_id=identifier)
    admin.shares.create(share)
    for model in models:
        last = model.rpartition(".")[2]
        admin.shares.update(share, updates=added(model, string_shared_as=f"forecasts.{last}"))
    admin.shares.update_permissions(share, changes=[PermissionsChange(principal=recipient, add=["SELECT"])])
