"""The API as a process of its own: what its OpenAPI document promises, clients that go away, and large files."""

import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse
from retail_pipeline.warehouse.migrations.upgrade import upgrade
from retail_pipeline_tests.end_to_end.commands import environment
from retail_pipeline_tests.end_to_end.serving import SECONDS_TO_STOP, wait_for
from retail_pipeline_tests.exports import order_line
from retail_pipeline_tests.ports import free_port
from retail_pipeline_tests.waiting import wait_until

pytestmark = pytest.mark.end_to_end

MADE_UP_LINES = """
INSERT INTO order_lines
WITH RECURSIVE lines(no) AS (VALUES (1) UNION ALL SELECT no + 1 FROM lines WHERE no < ?)
SELECT 'made-up', no, 'online_retail', 536365 + no / 20, 10000 + no * 7919 % 4000, hex(randomblob(40)), 6, 2.55, 15.3,
    'GBP', '2010-12-01 08:26:00', '2010-12-01', 12346 + no % 6000, 'France', 'sale', NULL
FROM lines
"""

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@contextmanager
def api(home: Path, **settings: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """The API on this machine, by its own command: its address and its process."""
    port = free_port()
    command = [sys.executable, "-m", "retail_pipeline", "api", "--port", str(port)]
    nowhere = {"RETAIL_DAGSTER_URL": f"http://127.0.0.1:{free_port()}"}
    with (home.parent / "api.log").open("w") as log:
        process = subprocess.Popen(command, env=environment(home, **(nowhere | settings)), stdout=log, stderr=log)
        try:
            wait_for(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=30).close())
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(SECONDS_TO_STOP)


@pytest.fixture
def shop(ingested, tmp_path: Path) -> Path:
    lines = (order_line(str(number), quantity="x" if number % 10 == 0 else number) for number in range(1, 3000))
    return shutil.copytree(ingested("three thousand rows", lines), tmp_path / "shop")


def test_no_request_makes_a_server_error_or_an_answer_that_the_document_does_not_declare(shop):
    with api(shop, RETAIL_UPLOAD_BYTES="100000") as (address, _):
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json"]
        command += ["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "10", "--seed", "1"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=shop)
    assert done.returncode == 0, done.stdout[-4000:]
    assert re.search(r"[1-9]\d* passed", done.stdout)


def resident_megabytes(process: subprocess.Popen) -> int:
    """The most memory that a process has used."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) // 1024


def head(length: int, address: str) -> bytes:
    return (
        f"POST /ingest?file_name=large.csv HTTP/1.1\r\nHost: {address.removeprefix('http://')}\r\n"
        f"Content-Type: text/csv\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    ).encode()


def test_a_whole_result_is_handed_out_in_bounded_memory_in_every_format(tmp_path):
    home, number = tmp_path / "shop", 300_000
    with Warehouse(Settings(_env_file=None, home=home, database_url="")) as warehouse:
        upgrade(warehouse)
        with warehouse.writing() as connection:
            connection.exec_driver_sql(MADE_UP_LINES, (number,))
    with api(home) as (address, process):

        def downloaded(form: str, country: str) -> int:
            query = f"{address}/transactions?format={form}&country={country}"
            with urllib.request.urlopen(query, timeout=60) as answer:
                return sum(map(len, iter(lambda: answer.read(1 << 16), b"")))

        for form in ("csv", "ndjson", "parquet", "arrow"):
            downloaded(form, "Nowhere")  # takes along what has to be imported
        before = resident_megabytes(process)
        megabytes = {form: downloaded(form, "France") >> 20 for form in ("csv", "ndjson", "parquet", "arrow")}
        grown = resident_megabytes(process) - before
    assert sum(megabytes.values()) > 200
    assert grown < 90, megabytes  # a few batches, as lines and in the format, whatever the whole result has


def connect(address: str) -> socket.socket:
    host, _, port = address.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)))


def test_a_client_that_goes_away_in_the_middle_of_an_upload_leaves_nothing_behind(shop):
    landing = shop / "landing"
    before = set(landing.iterdir())
    with api(shop) as (address, _):
        with connect(address) as sender:
            sender.sendall(head(1000, address) + b"InvoiceNo,Stock")
            wait_until(lambda: set(landing.iterdir()) > before)
        wait_until(lambda: set(landing.iterdir()) == before)


def test_a_client_that_goes_away_in_the_middle_of_a_download_does_no_harm(shop):
    with api(shop) as (address, _):
        for _ in range(20):
            with connect(address) as reader:
                host = address.removeprefix("http://")
                reader.sendall(f"GET /transactions?format=csv HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                reader.recv(100)
        with urllib.request.urlopen(f"{address}/transactions?limit=1", timeout=30) as answer:
            assert answer.status == 200
    assert "Traceback" not in (shop.parent / "api.log").read_text()


def test_a_large_upload_is_never_held_in_memory(shop):
    megabyte = (order_line("1", description="x" * 950) + "\n").encode().ljust(1024, b"#") * 1024
    header = b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    number = 300
    with api(shop) as (address, process):
        before = resident_megabytes(process)
        with connect(address) as sender:
            # One NUL at the very end: it is kept until the last byte, and refused before it is read as a table.
            sender.sendall(head(len(header) + number * len(megabyte) + 1, address) + header)
            for _ in range(number):
                sender.sendall(megabyte)
            sender.sendall(b"\0")
            answer = b"".join(iter(lambda: sender.recv(10_000), b""))  # head and body may come apart
        assert answer.startswith(b"HTTP/1.1 422")
        assert b"NUL byte" in answer
        assert resident_megabytes(process) - before < 150
    assert not list((shop / "landing").glob(".arriving-*"))
