"""Dagster's web server as the API sees it: starts the run of a load, and says what became of it, over GraphQL.

Dagster itself is not imported: that costs seconds and hundreds of megabytes.
"""

from pathlib import Path
from typing import Any, Literal

import httpx2 as httpx

DOCUMENT = Path(__file__).with_suffix(".graphql").read_text(encoding="utf-8")

LOAD = "load"
"""The job that loads; the marts follow by themselves, once for many loads."""

LOAD_AND_REFRESH = "ingest"
"""The job that loads and refreshes the marts in the same run."""

PARTITIONS = "loads"

RunState = Literal["queued", "running", "succeeded", "failed", "unknown"]

STATES: dict[str, RunState] = {
    "NOT_STARTED": "queued",
    "QUEUED": "queued",
    "STARTING": "running",
    "STARTED": "running",
    "CANCELING": "running",
    "SUCCESS": "succeeded",
    "FAILURE": "failed",
    "CANCELED": "failed",
}
"""Dagster's run statuses in words of ours."""


class NotStarted(Exception):
    """Dagster didn't start a run, and surely won't: it can't be reached, or it refused."""


class Undecided(Exception):
    """Nobody answered whether a run was started."""


class Dagster:
    """One web server, reached through a client whose base URL it is."""

    def __init__(self, client: httpx.Client):
        self._client = client
        self._repository: dict[str, str] = {}

    def is_up(self) -> bool:
        """Whether it answers, and knows the jobs that load files."""
        try:
            self._find_repository()
        except (NotStarted, Undecided):
            return False
        return True

    def start(self, load_id: str, job: str) -> str:
        """Starts a run of a job for a load and returns its id. Raises NotStarted or Undecided."""
        repository = self._repository or self._find_repository()
        added = self._ask("AddPartition", repository=repository, partitions=PARTITIONS, key=load_id)
        if added["__typename"] not in ("AddDynamicPartitionSuccess", "DuplicateDynamicPartitionError"):
            self._repository = {}
            raise NotStarted(added.get("message") or added["__typename"])
        selector = repository | {"jobName": job}
        tags = [{"key": "dagster/partition", "value": load_id}]
        launched = self._ask("Launch", execution={"selector": selector, "executionMetadata": {"tags": tags}})
        if launched["__typename"] != "LaunchRunSuccess":
            self._repository = {}
            raise NotStarted(launched.get("message") or launched["__typename"])
        return launched["run"]["runId"]

    def state(self, run_id: str) -> RunState:
        """What became of a run; `unknown` where Dagster can't be reached, or knows no such run."""
        try:
            return STATES.get(self._ask("Run", id=run_id).get("status", ""), "unknown")
        except (NotStarted, Undecided):
            return "unknown"

    def _find_repository(self) -> dict[str, str]:
        """The repository with the jobs that load files, whatever its code location is called."""
        for node in self._ask("Repository").get("nodes", ()):
            if {LOAD, LOAD_AND_REFRESH} <= {job["name"] for job in node["jobs"]}:
                self._repository = {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}
                return self._repository
        raise NotStarted(f"no code location with jobs {LOAD!r} and {LOAD_AND_REFRESH!r} is loaded")

    def _ask(self, operation: str, **variables: Any) -> dict[str, Any]:
        content = {"query": DOCUMENT, "operationName": operation, "variables": variables}
        try:
            answer = self._client.post("/graphql", json=content).raise_for_status().json()
        except httpx.ConnectError as error:
            raise NotStarted(f"Dagster can't be reached: {error}") from error
        except (httpx.HTTPError, ValueError) as error:
            raise Undecided(str(error)) from error
        if not answer.get("data"):
            raise NotStarted("; ".join(error["message"] for error in answer.get("errors", ())) or "no answer")
        return next(iter(answer["data"].values()))
