"""What `retail serve` does: Dagster's web UI and daemon, and the API, as processes of their own until one ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import click

from retail_pipeline.errors import BadInput
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import api_keys
from retail_pipeline.warehouse.migrations import open_warehouse

HOST = "127.0.0.1"  # Dagster's web UI has no log-in
STOP_SECONDS = 20
"""How long processes may take to stop by themselves."""


def serve_all(port: int, api_port: int) -> int:
    """Serves until interrupted, or until one of the processes ends; returns the exit status."""
    settings = Settings()
    open_warehouse(settings).dispose()
    from retail_pipeline.defs.instance import open_instance

    open_instance(settings).dispose()
    environment = os.environ | {
        "RETAIL_HOME": str(settings.resolved_home),
        "DAGSTER_HOME": str(settings.dagster_folder),
        "RETAIL_DAGSTER_URL": f"http://{HOST}:{port}",
        "PYTHONSAFEPATH": "1",  # whatever lies in the current folder is no module of ours
    }
    # Unless somebody wants to know, what each sensor did every few seconds is in the web UI alone.
    said = ["--log-level", settings.log_level or "warning"]
    said += ["--log-format", "json"] if settings.log_format == "json" else []
    commands = [
        ["dagster", "dev", "-m", "retail_pipeline.definitions", "-h", HOST, "-p", str(port), *said],
        ["retail_pipeline", "api", "--host", HOST, "--port", str(api_port)],
    ]
    for taken in (port, api_port):
        _refuse_taken(taken)
    with _processes(commands, environment) as running:
        click.echo(f"Dashboards: http://{HOST}:{api_port}    Dagster: http://{HOST}:{port}    (stop with Ctrl-C)")
        with suppress(KeyboardInterrupt):
            while all(process.poll() is None for process in running):
                time.sleep(0.5)
            return 1
    return 0


def serve_api(host: str, port: int) -> None:
    """Serves the API until interrupted. Raises BadInput where others could reach it and nobody has made a key."""
    from api import access_log
    from api.access import is_loopback

    with open_warehouse() as warehouse, warehouse.reading() as connection:
        if not is_loopback(host) and not api_keys.by_id(connection):
            raise BadInput(f"others can reach {host}: make a key first, with `retail keys create`")
    import uvicorn

    access_log.set_up(warehouse.settings)
    uvicorn.run("api.main:app", host=host, port=port, log_config=None)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise BadInput(f"port {port} is in use; choose another with --port or --api-port") from None


@contextmanager
def _processes(commands: list[list[str]], environment: dict[str, str]) -> Iterator[list[subprocess.Popen]]:
    """Runs modules of this interpreter; stops them all in the end, as Ctrl-C would."""
    # A service manager's stop is a Ctrl-C; and a shell that started this in the background had that ignored, which the
    # processes would inherit.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, signal.default_int_handler)
    running: list[subprocess.Popen] = []
    try:
        for command in commands:
            # A session each, so that whatever a process started can be stopped with it.
            # What supersedes `dagster dev`, `dg dev`, serves project folders alone, and not what a wheel installed.
            run = [sys.executable, "-W", "ignore:Function `dev_command` is superseded", "-m", *command]
            running.append(subprocess.Popen(run, env=environment, start_new_session=True))
        yield running
    finally:
        for process in running:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
