"""Fixtures of the API's tests: clients on an application, with Dagster's real web server behind it or none."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline_tests.end_to_end.serving import wait_for
from retail_pipeline_tests.ports import free_port

THIS_MACHINE = {"base_url": "http://127.0.0.1:8000", "client": ("127.0.0.1", 50000)}

ClientFor = Callable[..., TestClient]


@pytest.fixture
def client_for(warehouse: Warehouse) -> Iterator[ClientFor]:
    """Makes a client of an application, with settings of its own; Dagster can't be reached unless it is given."""
    with ExitStack() as stack:

        def make(dagster: httpx.Client | None = None, **settings: object) -> TestClient:
            nowhere = f"http://127.0.0.1:{free_port()}"
            app = create_app(Settings(**{"dagster_url": nowhere} | settings), dagster)
            return stack.enter_context(TestClient(app, raise_server_exceptions=False, **THIS_MACHINE))

        yield make


@pytest.fixture
def client(client_for: ClientFor) -> TestClient:
    """A client on this machine."""
    return client_for()


@pytest.fixture(scope="session")
def code_server() -> Iterator[int]:
    """A process that has the graph loaded, which takes seconds; its port."""
    port = free_port()
    command = [sys.executable, "-m", "dagster", "api", "grpc", "-m", "retail_pipeline.definitions", "-p", str(port)]
    command += ["--location-name", "retail_pipeline"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    yield port
    process.kill()
    process.wait()


@pytest.fixture
def dagster(warehouse: Warehouse, code_server: int) -> Iterator[httpx.Client]:
    """Dagster's web server, its real application in this process, on the instance of RETAIL_HOME."""
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import GrpcServerTarget
    from dagster_webserver.app import create_app_from_workspace_process_context

    from retail_pipeline.defs.instance import open_instance

    target = GrpcServerTarget(host="127.0.0.1", port=code_server, socket=None, location_name="retail_pipeline")
    wait_for(lambda: socket.create_connection(("127.0.0.1", code_server)).close())
    with (
        open_instance(warehouse.settings) as instance,
        WorkspaceProcessContext(instance, target) as workspace,
        TestClient(create_app_from_workspace_process_context(workspace)) as web,
    ):
        web.instance = instance
        yield web
