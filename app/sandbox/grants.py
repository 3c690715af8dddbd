"""Who may do what to which Unity Catalog object? The rules: ownership, privileges, inheritance, parents.

Names are full names (a metastore's is its id). A model's securable type is "function", as on the platform [DOC].
"""

from app.sandbox import errors
from app.sandbox.state import Document, State

ACCOUNT_USERS = "account users"
# The kinds of documents that hold an object's owner.
_KINDS = {"function": ("model", "routine")}
_READING = {"USE_CATALOG", "USE_SCHEMA", "EXECUTE", "READ_VOLUME", "SELECT", "BROWSE"}
_IN_SCHEMA = {
    *("EXECUTE", "READ_VOLUME", "WRITE_VOLUME", "SELECT", "MODIFY", "BROWSE", "MANAGE", "APPLY_TAG"),
    *("CREATE_MODEL", "CREATE_FUNCTION", "CREATE_VOLUME", "CREATE_TABLE", "USE_SCHEMA", "EXTERNAL_USE_SCHEMA"),
}
PRIVILEGES = {
    "metastore": {
        *("CREATE_CATALOG", "CREATE_SHARE", "CREATE_RECIPIENT", "CREATE_PROVIDER", "MANAGE"),
        "CREATE_EXTERNAL_METADATA",
        *("USE_SHARE", "USE_RECIPIENT", "USE_PROVIDER", "SET_SHARE_PERMISSION"),
    },
    "catalog": {*_IN_SCHEMA, "USE_CATALOG", "CREATE_SCHEMA", "ALL_PRIVILEGES"},
    "schema": {*_IN_SCHEMA, "ALL_PRIVILEGES"},
    "volume": {"READ_VOLUME", "WRITE_VOLUME", "MANAGE", "APPLY_TAG", "ALL_PRIVILEGES"},
    "function": {"EXECUTE", "MANAGE", "APPLY_TAG", "ALL_PRIVILEGES"},
    "table": {"SELECT", "MODIFY", "MANAGE", "APPLY_TAG", "ALL_PRIVILEGES"},
}


def require(state: State, metastore: str, principal: str, privilege: str, kind: str, name: str) -> None:
    """Raise 403 unless the principal holds the privilege there, and the USE privileges on all parents [SDK][DOC]."""
    require_use(state, metastore, principal, name)
    if not holds(state, metastore, principal, privilege, kind, name):
        raise errors.lacking(privilege, kind, name)


def require_owner(
    state: State, metastore: str, principal: str, kind: str, name: str, *, or_parent: bool = False
) -> None:
    """Raise 403 unless the principal owns the object (or its parent), holds MANAGE on it, or is metastore admin."""
    require_use(state, metastore, principal, name)
    owners = {get_owner(state, metastore, kind, name)}
    if or_parent:
        owners |= {get_owner(state, metastore, *parent) for parent in _parents(name)}
    is_owner = not owners.isdisjoint(list_identities(state, metastore, principal))
    if not is_owner and not holds(state, metastore, principal, "MANAGE", kind, name):
        raise errors.lacking("MANAGE", kind, name)


def require_use(state: State, metastore: str, principal: str, name: str) -> None:
    """Raise 403 unless the principal may use every parent of the object."""
    for kind, parent in _parents(name):
        if not holds(state, metastore, principal, f"USE_{kind.upper()}", kind, parent):
            raise errors.lacking(f"USE_{kind.upper()}", kind, parent)


def holds(state: State, metastore: str, principal: str, privilege: str, kind: str, name: str) -> bool:
    """Whether the object's ownership, or a grant on it or on a parent, gives the privilege; parents' USE not asked."""
    if is_metastore_admin(state, metastore, principal) or owns(state, metastore, principal, kind, name):
        return True
    # ALL_PRIVILEGES leaves MANAGE out [DOC].
    sufficient = {privilege} if privilege == "MANAGE" else {privilege, "ALL_PRIVILEGES"}
    return is_granted(state, metastore, principal, sufficient, kind, name)


def is_granted(state: State, metastore: str, principal: str, sufficient: set[str], kind: str, name: str) -> bool:
    """Whether one of the privileges was granted on the object or on a parent; ownership does not count."""
    grantees = list_identities(state, metastore, principal)
    for place in list_places(kind, name):
        granted = get_assignments(state, metastore, *place)
        if any(sufficient & set(granted.get(grantee, [])) for grantee in grantees):
            return True
    return False


def owns(state: State, metastore: str, principal: str, kind: str, name: str) -> bool:
    """Whether the object belongs to the principal, or to a group that it is in."""
    return get_owner(state, metastore, kind, name) in list_identities(state, metastore, principal)


def list_identities(state: State, metastore: str, principal: str) -> set[str]:
    """Under which names the principal may own things and be granted them: its own, its groups', everybody's."""
    number = (state.find("principal", metastore, principal) or {}).get("id")
    groups = {name for name, group in state.list_all("group", metastore) if number in group["members"]}
    return {principal, ACCOUNT_USERS, *groups}


def is_metastore_admin(state: State, metastore: str, principal: str) -> bool:
    """Whether the principal is the metastore's admin, whom nothing is refused."""
    return bool((state.find("principal", metastore, principal) or {}).get("admin"))


def get_owner(state: State, metastore: str, kind: str, name: str) -> str | None:
    """The owner's name; everything in a catalog from a share belongs to the catalog's owner [DOC]."""
    catalog = state.find("catalog", metastore, name.partition(".")[0])
    if catalog and catalog.get("share_name") and kind in {"schema", "volume", "function", "table"}:
        return str(catalog["owner"])
    documents = (state.find(kept_as, metastore, name) for kept_as in _KINDS.get(kind, (kind,)))
    return next((document["owner"] for document in documents if document), None)


def get_assignments(state: State, metastore: str, kind: str, name: str) -> dict[str, list[str]]:
    """Privileges by grantee, granted on the object itself."""
    return state.find("grants", metastore, f"{kind}:{name}") or {}


def change_assignments(
    state: State, metastore: str, kind: str, name: str, changes: list[Document]
) -> dict[str, list[str]]:
    """Apply `{principal, add, remove}` entries and return what is granted then; asks no right of the caller."""
    granted = get_assignments(state, metastore, kind, name)
    for change in changes:
        grantee, add, remove = change["principal"], change.get("add") or [], change.get("remove") or []
        if set(add) & set(remove):
            raise errors.invalid(f"Duplicate privileges to add and delete for principal {grantee}.")
        if grantee != ACCOUNT_USERS:
            check_principal(state, metastore, grantee)
        for privilege in [*add, *remove]:
            _check_privilege(state, metastore, kind, name, privilege)
        kept = (set(granted.get(grantee, [])) | set(add)) - set(remove)
        granted[grantee] = sorted(kept)
    granted = {grantee: privileges for grantee, privileges in granted.items() if privileges}
    state.put("grants", metastore, f"{kind}:{name}", granted)
    return granted


def forget_assignments(state: State, metastore: str, kind: str, name: str) -> None:
    """Drop what was granted on an object that is gone, and on what lay in it: a new one of that name begins with
    nothing.
    """
    state.remove("grants", metastore, f"{kind}:{name}")
    for below in PRIVILEGES:
        for key, _ in state.list_all("grants", metastore, f"{below}:{name}."):
            state.remove("grants", metastore, key)


def list_places(kind: str, name: str) -> list[tuple[str, str]]:
    """Where a privilege on the object may have been granted: on itself and on its parents."""
    return [(kind, name), *_parents(name)]


def check_principal(state: State, metastore: str, principal: str) -> None:
    """404 unless there is a principal or a group of that name."""
    if not is_known(state, metastore, principal):
        message = f"Could not find principal with name {principal}"
        raise errors.PlatformError(404, "PRINCIPAL_DOES_NOT_EXIST", message)


def is_known(state: State, metastore: str, name: str) -> bool:
    """Whether there is a principal or a group of that name."""
    return any(state.find(kind, metastore, name) for kind in ("principal", "group"))


def _parents(name: str) -> list[tuple[str, str]]:
    parts = name.split(".")
    return [("catalog", parts[0]), ("schema", ".".join(parts[:2]))][: len(parts) - 1]


def _check_privilege(state: State, metastore: str, kind: str, name: str, privilege: str) -> None:
    if privilege not in PRIVILEGES[kind]:
        raise errors.invalid(f"Privilege {privilege} is not applicable to this entity [{kind.upper()}:{name}].")
    catalog = state.find("catalog", metastore, name.partition(".")[0]) if kind != "share" else None
    if catalog and catalog.get("share_name") and privilege not in _READING:
        raise errors.invalid(f"Privilege {privilege} cannot be granted on a catalog that comes from a share.")
