"""Runs inside `retail serve`: forked from a warm process, stopped when asked to, tried again when killed."""

import os
import signal
from pathlib import Path

import httpx2 as httpx
import pytest

from retail_pipeline.defs.launcher import WARM
from retail_pipeline.defs.processes import PROCESS_TAG
from retail_pipeline.demo.sample import write_sample
from retail_pipeline_tests.end_to_end.serving import get, graphql, served, wait_for
from retail_pipeline_tests.ports import free_port
from retail_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.end_to_end

ORDERS = 8000  # so that a run is still loading when it is stopped


def test_a_run_is_forked_from_a_warm_process_stops_when_asked_to_and_is_tried_again_when_killed(tmp_path):
    port, api_port = free_port(), free_port()
    api = f"http://127.0.0.1:{api_port}"
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    write_sample(first, orders=ORDERS, seed=1)
    write_sample(second, orders=ORDERS, seed=2)

    def post(path: Path) -> dict:
        return httpx.post(f"{api}/ingest", files={"file": (path.name, path.read_bytes())}, timeout=60).json()

    def run_of(load_id: str) -> dict | None:
        """The newest run of a load that lives in a process: whoever posts on a busy machine may not be told of it."""
        asked = f'filter: {{tags: [{{key: "dagster/partition", value: "{load_id}"}}]}}'
        query = f"{{runsOrError({asked}) {{... on Runs{{results{{runId status tags{{key value}}}}}}}}}}"
        for run in graphql(port, query)["runsOrError"]["results"][:1]:
            tags = {tag["key"]: tag["value"] for tag in run["tags"]}
            if run["status"] == "STARTED" and PROCESS_TAG in tags:
                return {"id": run["runId"], "process": int(tags[PROCESS_TAG].split(":")[1])}
        return None

    def begun(load_id: str) -> dict:
        found = []
        wait_until(lambda: found.append(run_of(load_id)) or found[-1])
        return found[-1]

    def runs() -> list[tuple[str, str]]:
        asked = graphql(port, "{runsOrError{... on Runs{results{runId status}}}}")["runsOrError"]["results"]
        return [(run["runId"], run["status"]) for run in asked]

    with served(tmp_path / "shop", port, api_port):
        wait_for(lambda: get(f"{api}/health"))
        wait_for(lambda: graphql(port, "{version}"))
        stopped = begun(post(first)["load_id"])
        warm = _parent(stopped["process"])
        assert WARM in Path(f"/proc/{warm}/cmdline").read_text()
        graphql(port, f'mutation {{terminateRun(runId: "{stopped["id"]}") {{__typename}}}}')
        wait_until(lambda: (stopped["id"], "CANCELED") in runs())

        posted = post(second)
        killed = begun(posted["load_id"])
        assert _parent(killed["process"]) == warm
        os.kill(killed["process"], signal.SIGKILL)
        wait_until(lambda: get(f"{api}{posted['follow']}")["status"] == "loaded")
        assert (killed["id"], "FAILURE") in runs()


def _parent(process: int) -> int:
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
