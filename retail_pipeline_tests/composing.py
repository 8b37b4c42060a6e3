"""docker-compose.yml without Docker: each service's own command and health check, as processes of this machine.

Containers are stood in for by a rule: a service's paths lie in a folder of its own, named volumes are folders that
services share, every port is a free one of this machine, and a service's name is this machine.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from retail_pipeline_tests.ports import free_port

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docker-compose.yml"

SECONDS_TO_COME_UP = 300

IMAGE_FOLDERS = ("/var/lib/retail", "/opt/dagster")
"""Folders of the images that the file names; the Dockerfile makes them."""


class Missing(Exception):
    """A variable that must be set isn't; what docker compose would stop with."""


def read(variables: Mapping[str, str]) -> dict[str, Any]:
    """The compose file, with `${NAME:-default}` and `${NAME:?message}` replaced as docker compose does."""
    return _interpolated(yaml.safe_load(FILE.read_text(encoding="utf-8")), variables)


def _interpolated(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolated(value, variables) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolated(value, variables) for value in node]
    if not isinstance(node, str):
        return node

    def value_of(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        if value := variables.get(found["name"]):
            return value
        if found["how"] == ":?":
            raise Missing(f"{found['name']}: {found['rest']}")
        return found["rest"]

    return re.sub(r"\$\$|\$\{(?P<name>\w+)(?P<how>:[-?])(?P<rest>[^}]*)\}", value_of, node)


class Deployment:
    """The services of the compose file in a folder of this machine."""

    def __init__(self, folder: Path, variables: Mapping[str, str], mysql_port: int):
        self._folder = folder
        self.services = read(variables)["services"]
        inside = re.findall(r"(?:^|:)(\d+)\"?$", "\n".join(self._published()), re.MULTILINE)
        self.ports = {port: str(free_port()) for port in (*inside, "4000")} | {"3306": str(mysql_port)}
        for name in self.services:
            self._make_folders(name)

    def _published(self) -> list[str]:
        return [port for service in self.services.values() for port in service.get("ports", ())]

    def _make_folders(self, name: str) -> None:
        """A service's folders: those of its image, with what the Dockerfile copies there, and its volumes."""
        for folder in IMAGE_FOLDERS:
            (self._folder / name / folder.lstrip("/")).mkdir(parents=True)
        copied = re.search(r"^COPY (.+) /opt/dagster/$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for file in copied[1].split():
            shutil.copy(ROOT / file, self._folder / name / "opt/dagster")
        for volume in self.services[name].get("volumes", ()):
            source, target = volume.split(":")[:2]
            if target.startswith(IMAGE_FOLDERS):
                shared = self._folder / "volumes" / source
                shared.mkdir(parents=True, exist_ok=True)
                place = self._folder / name / target.lstrip("/")
                with suppress(FileNotFoundError):
                    place.rmdir()
                place.symlink_to(shared)

    def here(self, name: str, text: str) -> str:
        """A text of a service, as it is on this machine."""
        for port, real in self.ports.items():
            text = re.sub(rf"(?<![\w.]){port}(?!\w)", real, text)
        for folder in IMAGE_FOLDERS:
            text = text.replace(folder, str(self._folder / name / folder.lstrip("/")))
        return text.replace("0.0.0.0", "127.0.0.1")

    def environment(self, name: str) -> dict[str, str]:
        """The variables of a service's processes, and none of whoever runs the tests."""
        inherited = {key: os.environ[key] for key in ("PYTHONPATH", "LD_LIBRARY_PATH") if key in os.environ}
        host = rf"(^|@|//)(?:{'|'.join(self.services)})(?=:(?!//)|$)"
        given = {
            key: re.sub(host, r"\g<1>127.0.0.1", self.here(name, value))
            for key, value in self.services[name]["environment"].items()
        }
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return inherited | given | {"PATH": path, "HOME": str(self._folder / name)}

    def run(self, name: str, command: list[str]) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, as `docker compose exec` does in a service's container."""
        return subprocess.run(
            [self.here(name, word) for word in command],
            env=self.environment(name),
            cwd=self._folder / name,
            capture_output=True,
            text=True,
        )

    def is_healthy(self, name: str) -> bool:
        """What the service's health check says."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        return self.run(name, ["sh", "-c", *words] if kind == "CMD-SHELL" else words).returncode == 0

    @contextmanager
    def up(self, started: set[str]) -> Iterator[None]:
        """Starts the services that aren't yet, each when those it depends on are healthy or have done their work."""
        order = TopologicalSorter({name: service.get("depends_on", {}) for name, service in self.services.items()})
        order.prepare()
        processes: dict[str, subprocess.Popen] = {}
        try:
            while order.is_active():
                ready = order.get_ready()
                for name in ready:
                    if name not in started:
                        processes[name] = self._start(name)
                for name in ready:
                    self._wait_for(name, processes.get(name))
                order.done(*ready)
            yield
        finally:
            for process in processes.values():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
            for process in processes.values():
                with suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def _start(self, name: str) -> subprocess.Popen:
        if "healthcheck" in self.services[name]:
            assert not self.is_healthy(name), f"{name} isn't started, and its health check finds it healthy"
        with self._log(name).open("w") as log:
            return subprocess.Popen(
                [self.here(name, word) for word in self.services[name]["command"]],
                env=self.environment(name),
                cwd=self._folder / name,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait_for(self, name: str, process: subprocess.Popen | None) -> None:
        if "healthcheck" not in self.services[name]:
            assert process.wait(SECONDS_TO_COME_UP) == 0, self._log(name).read_text()
            return
        deadline = time.monotonic() + SECONDS_TO_COME_UP
        while not self.is_healthy(name):
            assert process is None or process.poll() is None, self._log(name).read_text()
            assert time.monotonic() < deadline, self._log(name).read_text()
            time.sleep(1.5)  # most checks start a Python of their own, which keeps the services from coming up

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"
