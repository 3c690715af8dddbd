"""Does each rule of the document find the break it is there for, and none in a good document?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.http import openapi_ruleset as ruleset
from tests.http.openapi_sample import GONE, NULLABLE, STRING, changed, content, model, ref, sample

GET = "/paths/~1v1~1training-runs/get"
POST = "/paths/~1v1~1training-runs/post"
CANCEL = "/paths/~1v1~1training-runs~1{id}:cancel"
SCHEMA = "/components/schemas"

# The rule, where the good document is changed, and to what.
BREAKS: list[tuple[ruleset.Rule, str, Any]] = [
    (ruleset.operation_tag_defined, f"{GET}/tags", ["unheard_of"]),
    (ruleset.oas3_unused_component, f"{SCHEMA}/Forgotten", model({})),
    (ruleset.id, f"{GET}/operationId", "training_runs_v1_training_runs_get"),
    (ruleset.id, f"{GET}/operationId", "fetch_training_runs"),
    (ruleset.path, "/paths/~1v1~1training_runs", {}),
    (ruleset.path, "/paths/~1training-runs", {}),
    (ruleset.path, "/paths/~1v1~1training-runs~1", {}),
    (ruleset.verb_post, f"{CANCEL}/get", {"responses": {}}),
    (ruleset.one_tag, f"{GET}/tags/-", "training_runs"),
    (ruleset.one_tag, f"{GET}/tags", []),
    (ruleset.problems, f"{GET}/responses/503", GONE),
    (ruleset.problems, f"{GET}/responses/default", {"description": "Anything."}),
    (ruleset.problem, f"{GET}/responses/404/content", content("Problem")),
    (ruleset.problem, f"{GET}/responses/404/content", {"application/problem+json": {"schema": ref("Operation")}}),
    (ruleset.problem, f"{GET}/responses/404/content", GONE),
    (ruleset.accepted, f"{POST}/responses/202/headers", GONE),
    (ruleset.accepted, f"{POST}/responses/202/content", content("TrainingRun")),
    (ruleset.key, f"{POST}/parameters/0/required", False),
    (ruleset.key, f"{POST}/parameters", GONE),
    (ruleset.page, f"{SCHEMA}/TrainingRunPage/required", ["items"]),
    (ruleset.fields, f"{SCHEMA}/TrainingRun/properties/modelName", STRING),
    (ruleset.names, f"{SCHEMA}/Page_TrainingRun_", model({})),
    (ruleset.names, f"{SCHEMA}/TrainingRun-Input", model({})),
    (ruleset.names, f"{SCHEMA}/HTTPValidationError", model({})),
    (ruleset.union, f"{SCHEMA}/TrainingRunRequest/properties/engine/discriminator", GONE),
    (ruleset.any_of, f"{SCHEMA}/Operation/properties/target", {"anyOf": [ref("TrainingRun"), ref("Problem")]}),
    (ruleset.no_null, f"{GET}/parameters/0/schema", NULLABLE),
    (ruleset.no_item, f"{GET}/responses/200/content/text~1event-stream", {"itemSchema": STRING}),
    (ruleset.version, "/openapi", "3.2.0"),
    (ruleset.unique_id, f"{GET}/operationId", "create_training_run"),
    (ruleset.described, f"{GET}/description", GONE),
    (ruleset.described, f"{GET}/parameters/0/description", GONE),
    (ruleset.one_success, f"{POST}/responses/200", {"description": "A plan.", "content": content("TrainingRun")}),
    (ruleset.closed_requests, f"{SCHEMA}/TrainingRunRequest/additionalProperties", GONE),
    (ruleset.complete_responses, f"{SCHEMA}/Operation/required", ["id", "state"]),
    (ruleset.separate_models, f"{SCHEMA}/TrainingRunRequest/properties/again", ref("TrainingRun")),
    (ruleset.open_answers, f"{SCHEMA}/TrainingRun/properties/metric", {"type": "string", "enum": ["rmse"]}),
    (ruleset.open_answers, f"{SCHEMA}/TrainingRun/properties/engine", {"oneOf": [STRING]}),
]


@pytest.mark.parametrize("rule", ruleset.RULES, ids=lambda rule: rule.__name__)
def test_a_good_document_breaks_no_rule(rule: ruleset.Rule) -> None:
    assert list(rule(sample())) == []


@pytest.mark.parametrize(
    ("rule", "pointer", "value"), BREAKS, ids=[f"{rule.__name__} {pointer}" for rule, pointer, _ in BREAKS]
)
def test_a_rule_finds_a_planted_break(rule: ruleset.Rule, pointer: str, value: Any) -> None:
    assert list(rule(changed(sample(), pointer, value)))


def test_every_rule_has_a_planted_break() -> None:
    assert {rule.__name__ for rule, *_ in BREAKS} == {rule.__name__ for rule in ruleset.RULES}
