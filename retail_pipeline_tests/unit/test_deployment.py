"""What the files of the deployment promise, without starting anything."""

import re
from pathlib import Path

import pytest
import yaml

from retail_pipeline.settings import Settings
from retail_pipeline_tests.composing import ROOT, Missing, read

EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
SECRETS = re.findall(r"^(\w+)=$", EXAMPLE, re.MULTILINE)
ALL_SET = {name: f"secret of {name}" for name in SECRETS}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_missing_or_empty_stops_loudly(name):
    for variables in (ALL_SET | {name: ""}, {other: value for other, value in ALL_SET.items() if other != name}):
        with pytest.raises(Missing, match=name):
            read(variables)


def test_every_variable_of_the_compose_file_is_in_the_example_and_every_one_there_is_used():
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text(encoding="utf-8")))
    assert set(re.findall(r"^#?(\w+)=", EXAMPLE, re.MULTILINE)) == used


def test_only_the_api_is_published_and_the_web_server_on_this_machine():
    published = {name: service["ports"] for name, service in read(ALL_SET)["services"].items() if "ports" in service}
    assert published == {"webserver": ["127.0.0.1:3000:3000"], "api": ["0.0.0.0:8000:8000"]}


def test_each_secret_goes_to_those_who_need_it_alone():
    services = read(ALL_SET)["services"]
    knows = {
        name: {secret for secret in SECRETS if ALL_SET[secret] in service["environment"].values()}
        for name, service in services.items()
    }
    pipeline, dagster = "RETAIL_DB_PASSWORD", "DAGSTER_DB_PASSWORD"
    assert knows == {
        "mysql": set(SECRETS),
        "upgrade": {pipeline, dagster},
        "code": {pipeline, dagster},
        "webserver": {dagster},
        "daemon": {dagster},
        "api": {"API_DB_PASSWORD"},
    }


def test_nothing_runs_as_root_and_nothing_is_kept_but_in_volumes():
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    for stage in re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[1:]:
        if re.match(r"\S+ AS (api|pipeline)\n", stage):
            assert "\nUSER 1000\n" in stage
    read_only = {"./deploy/database-users.sh"}
    compose = read(ALL_SET)
    for service in compose["services"].values():
        for volume in service.get("volumes", ()):
            source, _, rest = volume.partition(":")
            assert source in compose["volumes"] or (source in read_only and rest.endswith(":ro"))


def test_the_api_is_pinned_to_the_same_versions_and_has_neither_dagster_nor_great_expectations():
    def pins(name: str) -> dict[str, str]:
        return dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))

    alone, whole = pins("requirements-api.txt"), pins("requirements.txt")
    assert alone.items() <= whole.items()
    left_out = re.findall(r"^([\w-]+);", (ROOT / "api" / "without.txt").read_text(encoding="utf-8"), re.MULTILINE)
    assert left_out
    assert not alone.keys() & set(left_out)


def test_actions_of_the_workflow_are_pinned_to_a_commit_and_may_only_read():
    for path in Path(ROOT, ".github", "workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert workflow["permissions"] == {"contents": "read"}
        steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
        assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)


def test_the_workflow_tries_every_python_that_is_supported():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    supported = re.search(r'requires-python = ">=3\.(\d+),<3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    versions = [f"3.{minor}" for minor in range(int(supported[1]), int(supported[2]))]
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == versions


def test_kubernetes_gets_the_same_graph_settings_that_there_are_and_one_writer_at_a_time():
    values = yaml.safe_load((ROOT / "deploy" / "kubernetes-values.yaml").read_text(encoding="utf-8"))
    instance = yaml.safe_load((ROOT / "dagster.yaml").read_text(encoding="utf-8"))
    (code,) = values["dagster-user-deployments"]["deployments"]
    assert code["dagsterApiGrpcArgs"] == read(ALL_SET)["services"]["code"]["command"][-2:]
    assert {name.removeprefix("RETAIL_").lower() for name in code["env"]} <= Settings.model_fields.keys()
    assert code["env"]["RETAIL_HOME"] == code["volumeMounts"][0]["mountPath"]
    pools = instance["concurrency"]["pools"]
    assert values["concurrency"]["pools"] == {
        "granularity": pools["granularity"],
        "defaultLimit": pools["default_limit"],
    }
