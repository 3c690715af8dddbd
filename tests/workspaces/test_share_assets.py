"""What lies in a received share, read from the platform's own types: each kind by its name, aliases of models alone."""

from databricks.sdk.service.sharing import ListProviderShareAssetsResponse

from app.workspaces.share_assets import Asset, read


def test_each_thing_in_a_share_is_told_by_kind_and_only_models_have_aliases() -> None:
    place = {"schema": "s", "share": "x"}
    alias = {"alias_name": "prod", "version_num": 3}
    answer = {
        "share": {"id": "1", "name": "x"},
        "functions": [
            {**place, "name": "m", "securable_kind": "FUNCTION_REGISTERED_MODEL", "aliases": [alias], "comment": "c"},
            {**place, "name": "n", "securable_kind": "FUNCTION_REGISTERED_MODEL"},
            {**place, "name": "f", "securable_kind": "FUNCTION_STANDARD"},
            {**place, "name": "p", "securable_kind": "FUNCTION_FEATURE_SPEC"},
            {**place, "name": "u", "securable_kind": "FUNCTION_OF_NEXT_YEAR"},
        ],
        "tables": [{**place, "name": "t", "tags": [{"key": "pii"}, {"key": "team", "value": "bikes"}]}],
        "volumes": [{**place, "name": "v"}],
        "notebooks": [{"name": "walkthrough", "share": "x"}],
    }

    assert list(read(ListProviderShareAssetsResponse.from_dict(answer))) == [
        Asset("model", "s.m", "c", {"prod": 3}, {}),
        Asset("model", "s.n", None, {}, {}),
        Asset("function", "s.f", None, None, {}),
        Asset("feature-spec", "s.p", None, None, {}),
        Asset("function", "s.u", None, None, {}),
        Asset("table", "s.t", None, None, {"pii": "", "team": "bikes"}),
        Asset("volume", "s.v", None, None, {}),
        Asset("notebook", "walkthrough", None, None, {}),
    ]
