"""The same three jobs as the platform starts them: wheel tasks with declared environments, as a runner."""

from typing import Any

import pytest
from databricks.sdk.service.compute import Environment
from databricks.sdk.service.jobs import JobEnvironment, PythonWheelTask, SubmitTask

from tests.jobs.running_jobs import REPOSITORY, Team
from tests.jobs.test_wheel import REQUIREMENTS, build
from tests.sandbox.running import unique
from tests.sandbox.sharing import wait_for

pytestmark = pytest.mark.xdist_group("jobs")


@pytest.fixture(scope="module")
def wheel(team: Team, tmp_path_factory: pytest.TempPathFactory) -> str:
    built = build(tmp_path_factory.mktemp("wheel"))
    return team.upload(built.name, built.read_bytes())


def pins(job: str) -> list[str]:
    return (REQUIREMENTS / f"{job}.txt").read_text().splitlines()


def run(team: Team, wheel: str, job: str, requirements: list[str], asked: dict[str, Any]) -> Any:
    """The result of one wheel task that the runner submits."""
    folder = team.folder(job, asked)
    task = PythonWheelTask("causeway_jobs", f"causeway-{job}", named_parameters={"folder": folder})
    environment = JobEnvironment("own", Environment(environment_version="4", dependencies=[wheel, *requirements]))
    jobs = team.runner.client.jobs
    submitted = jobs.submit(
        run_name=job,
        tasks=[SubmitTask(task_key="only", environment_key="own", python_wheel_task=task)],
        environments=[environment],
    )

    def ended() -> Any:
        found = jobs.get_run(submitted.run_id)
        return found if found.status.state.value == "TERMINATED" else None

    found = wait_for(ended, 300)
    output = jobs.get_run_output(found.tasks[0].run_id)
    assert found.state.result_state.value == "SUCCESS", f"{output.error} {output.error_trace} {output.logs}"
    assert "result written" in output.logs
    return team.find(folder)


def test_train_copy_and_score_run_in_the_environments_that_they_declare(team: Team, wheel: str) -> None:
    trained = run(team, wheel, "train", pins("train"), team.training(max_trials=4))
    assert trained["metrics"]["rmse"] <= 0.8 * trained["baseline"]["metrics"]["rmse"]
    target = f"{team.schema}.{unique('vetted')}"
    copied = run(team, wheel, "copy", pins("copy"), team.copying((trained["model"], trained["version"]), target))
    own = team.files_of(target, copied["version"])["requirements.txt"].decode().split()
    asked = team.scoring((target, copied["version"]), copied["digest"], team.data)
    scored = run(team, wheel, "score", own, asked)
    assert scored["rows"] == 8645
    assert str(REPOSITORY) not in str([trained, copied, scored])
