"""What tests of shares and jobs need again and again, done by the real clients."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from databricks.sdk.errors import NotFound
from databricks.sdk.service.catalog import (
    ColumnInfo,
    ColumnTypeName,
    CreateFunction,
    CreateFunctionParameterStyle,
    CreateFunctionRoutineBody,
    CreateFunctionSecurityType,
    CreateFunctionSqlDataAccess,
    DataSourceFormat,
    FunctionParameterInfos,
    Privilege,
    TableType,
)
from databricks.sdk.service.catalog import PermissionsChange as GrantChange
from databricks.sdk.service.sharing import (
    AuthenticationType,
    PermissionsChange,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
)

from tests.sandbox.running import Person, Sandbox, unique

# A metastore takes one recipient for each sharing identifier, so all tests use the same.
RECIPIENT = "prod"
DEADLINE_SECONDS = 60


def wait_for(condition: Callable[[], Any], deadline_seconds: float = DEADLINE_SECONDS) -> Any:
    """The first true answer of the condition."""
    deadline = time.monotonic() + deadline_seconds
    while not (answer := condition()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
    return answer


def ensure_recipient(sandbox: Sandbox) -> str:
    """B's metastore as a recipient in A, owned by A's admin."""
    admin = sandbox.client("dev")
    try:
        admin.recipients.get(RECIPIENT)
    except NotFound:
        identifier = sandbox.workspaces["prod"]["global_metastore_id"]
        admin.recipients.create(RECIPIENT, AuthenticationType.DATABRICKS, data_recipient_global_metastore_id=identifier)
    return RECIPIENT


def grant_on_metastore(sandbox: Sandbox, person: Person, *privileges: str) -> None:
    """The admin grants the privileges on the metastore."""
    admin = sandbox.client(person.workspace)
    metastore = admin.metastores.summary().metastore_id
    change = GrantChange(principal=person.name, add=[Privilege(privilege) for privilege in privileges])
    admin.grants.update("metastore", metastore, changes=[change])


def make_table(client: Any, full_name: str) -> str:
    """An external Delta table of one column, for a client that may grant on the schema."""
    catalog, schema, name = full_name.split(".")
    # The platform wants this one granted explicitly, to owners and admins too [SDK].
    change = GrantChange(principal=client.current_user.me().user_name, add=[Privilege.EXTERNAL_USE_SCHEMA])
    client.grants.update("schema", f"{catalog}.{schema}", changes=[change])
    column = ColumnInfo(name="id", type_name=ColumnTypeName.LONG, type_text="bigint", position=0)
    place = (name, catalog, schema, TableType.EXTERNAL, DataSourceFormat.DELTA, f"s3://tables/{full_name}")
    return str(client.tables.create(*place, columns=[column]).full_name)


def make_function(client: Any, full_name: str) -> str:
    """A SQL function without parameters."""
    catalog, schema, name = full_name.split(".")
    wanted = CreateFunction(
        *(name, catalog, schema, FunctionParameterInfos(), ColumnTypeName.INT, "INT"),
        routine_body=CreateFunctionRoutineBody.SQL,
        routine_definition="SELECT 1",
        parameter_style=CreateFunctionParameterStyle.S,
        is_deterministic=True,
        sql_data_access=CreateFunctionSqlDataAccess.CONTAINS_SQL,
        is_null_call=False,
        security_type=CreateFunctionSecurityType.DEFINER,
        specific_name=name,
    )
    return str(client.functions.create(wanted).full_name)


def added(name: str, kind: str = "MODEL", **fields: Any) -> list[SharedDataObjectUpdate]:
    """The update that adds a model, or something of another kind, to a share."""
    return changed(SharedDataObjectUpdateAction.ADD, name, kind, **fields)


def changed(
    action: SharedDataObjectUpdateAction, name: str, kind: str = "MODEL", **fields: Any
) -> list[SharedDataObjectUpdate]:
    """An update of one object in a share."""
    shared = SharedDataObject(name=name, data_object_type=SharedDataObjectDataObjectType(kind), **fields)
    return [SharedDataObjectUpdate(action=action, data_object=shared)]


def selecting(recipient: str) -> list[PermissionsChange]:
    """The change that grants SELECT."""
    return [PermissionsChange(principal=recipient, add=["SELECT"])]


def share_model(sandbox: Sandbox, model: str, client: Any = None) -> str:
    """A new share with the model in it as `models.m`, granted to B."""
    admin, share = client or sandbox.client("dev"), unique("share")
    admin.shares.create(share)
    admin.shares.update(share, updates=added(model, string_shared_as="models.m"))
    admin.shares.update_permissions(share, changes=selecting(ensure_recipient(sandbox)))
    return share


def provider_name(sandbox: Sandbox, client: Any = None) -> str:
    """What A is called in B."""
    identifier = sandbox.workspaces["dev"]["global_metastore_id"]
    [found] = (client or sandbox.client("prod")).providers.list(data_provider_global_metastore_id=identifier)
    return str(found.name)


def mount(sandbox: Sandbox, share: str) -> str:
    """A new catalog in B from A's share, made by B's admin as soon as the share is visible."""
    admin, provider = sandbox.client("prod"), provider_name(sandbox)
    wait_for(lambda: share in [found.name for found in admin.providers.list_shares(provider)])
    return str(admin.catalogs.create(unique("shared"), provider_name=provider, share_name=share).name)


def build_wheel(folder: Path, package: str, source: str, entry_points: dict[str, str], *requires: str) -> Path:
    """A wheel of one module with console scripts, built by the real build tool."""
    project = folder / f"build-{package}"
    shutil.rmtree(project, ignore_errors=True)
    (project / package).mkdir(parents=True)
    (project / package / "__init__.py").write_text(source)
    scripts = "\n".join(f'{name} = "{target}"' for name, target in entry_points.items())
    project.joinpath("pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        f'[project]\nname = "{package}"\nversion = "1.0"\ndependencies = {list(requires)!r}\n'
        f"[project.scripts]\n{scripts}\n"
    )
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    [wheel] = folder.glob(f"{package}-*.whl")
    return wheel
