"""Nobody but Causeway may write in the catalog of vetted copies; whoever else could is found and named."""

import pytest

from app.domain import shareable_catalogs
from app.domain.shareable_catalogs import OWNER, Writer
from tests.sandbox.running import unique
from tests.two_workspaces import TwoWorkspaces

pytestmark = pytest.mark.xdist_group("sharing")
SHAREABLE = "causeway_shareable"


def test_whoever_else_could_write_among_the_vetted_copies_is_named_with_the_right(
    as_the_service: TwoWorkspaces,
) -> None:
    world, admin = as_the_service, as_the_service.sandbox.client("dev")
    stranger, owner, reader = (world.sandbox.person("dev").name for _ in range(3))
    schema, theirs = f"{SHAREABLE}.{unique('ours')}", f"{SHAREABLE}.{unique('theirs')}"
    for name in (schema, theirs):
        admin.schemas.create(name.split(".")[1], SHAREABLE)
    admin.schemas.update(schema, owner=world.grants["DEV_CONTROL_ID"])
    admin.schemas.update(theirs, owner=owner)
    try:
        assert shareable_catalogs.list_other_writers("dev", schema) == []

        world.sandbox.grant("dev", "schema", schema, stranger, "CREATE_MODEL", "USE_SCHEMA")
        world.sandbox.grant("dev", "catalog", SHAREABLE, reader, "USE_CATALOG", "EXECUTE")
        world.sandbox.version("dev", f"{schema}.planted")

        assert shareable_catalogs.list_other_writers("dev", schema) == [
            Writer(admin.current_user.me().user_name, f"{schema}.planted", [OWNER]),
            Writer(stranger, schema, ["CREATE_MODEL"]),
        ]
        everywhere = shareable_catalogs.list_other_writers("dev")
        assert Writer(owner, theirs, [OWNER]) in everywhere
        assert reader not in {writer.principal for writer in everywhere}
        admin.catalogs.update(SHAREABLE, owner=stranger)
        # Control may no longer ask who holds what there; that the catalog is somebody's is told all the same.
        world.sandbox.grant("dev", "catalog", SHAREABLE, world.grants["DEV_CONTROL_ID"], "USE_CATALOG")
        assert Writer(stranger, SHAREABLE, [OWNER]) in shareable_catalogs.list_other_writers("dev")
    finally:
        admin.catalogs.update(SHAREABLE, owner=world.grants["DEV_CONTROL_ID"])
        for name in (schema, theirs):
            admin.schemas.delete(name, force=True)
