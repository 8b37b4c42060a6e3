"""POST /ingest and what follows it, on every database; Dagster's web server is the real one where it is asked."""

import csv
import gzip
import io
import json
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import dagster as dg
import pytest
import sqlalchemy as sa

from retail_pipeline.defs.runs import run_ingest
from retail_pipeline.defs.sensors import ABANDONED_AFTER
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import api_keys, correcting, ledger
from retail_pipeline.warehouse.landing import ARRIVING, landed_file
from retail_pipeline.warehouse.loading import load, no_progress
from retail_pipeline.warehouse.tables import corrections, loads, order_lines
from retail_pipeline_tests.exports import ONLINE_RETAIL, entry, order_line, rows

pytestmark = pytest.mark.database

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
CONTENT = (HEADER + order_line("1") + "\n" + order_line("2", quantity="x") + "\n").encode()


def hand_in(client, content: bytes = CONTENT, name: str = "day.csv", **kwargs):
    return client.post("/ingest", files={"file": (name, content)}, **kwargs)


def runs(dagster) -> list[dg.DagsterRun]:
    return dagster.instance.get_runs()


def test_a_file_is_kept_byte_for_byte_and_its_run_is_started(client_for, dagster, warehouse):
    answer = hand_in(client_for(dagster))
    assert answer.status_code == 202
    found = answer.json()
    (run,) = runs(dagster)
    assert found["run_id"] == run.run_id
    assert run.job_name == "ingest"  # which refreshes the marts as well
    assert run.tags["dagster/partition"] == found["load_id"]
    assert found["status"] == "landed"
    assert found["run_url"].endswith(f"/runs/{run.run_id}")
    assert answer.headers["location"] == found["follow"] == f"/ingest/{found['load_id']}"
    assert landed_file(warehouse, found["load_id"], "day.csv").read_bytes() == CONTENT
    assert entry(warehouse, found["load_id"])["run_id"] == run.run_id


def test_files_that_come_together_are_loaded_each_and_leave_the_marts_to_one_refresh_of_all(client_for, dagster):
    client = client_for(dagster)
    for number in range(3):
        hand_in(client, (HEADER + order_line(str(number)) + "\n").encode())
    assert sorted(run.job_name for run in runs(dagster)) == ["ingest", "load", "load"]


def test_the_same_bytes_again_are_answered_with_the_load_that_exists_and_start_nothing(client_for, dagster):
    client = client_for(dagster)
    first, again = hand_in(client), hand_in(client, name="other.csv")
    assert (first.status_code, again.status_code) == (202, 200)
    assert again.json() == first.json()
    assert len(runs(dagster)) == 1


def test_the_same_bytes_fifty_times_at_once_are_one_load_and_one_run(client_for, dagster, warehouse):
    client = client_for(dagster)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda number: hand_in(client, name=f"{number}.csv"), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [202]
    assert len({answer.json()["load_id"] for answer in answers}) == 1
    assert len(runs(dagster)) == 1
    assert not list(warehouse.landing_folder.glob(f"{ARRIVING}*"))


def test_what_became_of_a_file_is_told_with_checks_and_what_is_held_back(client_for, dagster, warehouse):
    client = client_for(dagster)
    follow = hand_in(client).json()["follow"]
    load_id = follow.rpartition("/")[2]
    assert (client.get(follow).json()["status"], client.get(follow).json()["in_marts"]) == ("landed", False)
    load(warehouse, load_id, ONLINE_RETAIL)
    assert (client.get(follow).json()["status"], client.get(follow).json()["in_marts"]) == ("loaded", False)
    list(run_ingest(dagster.instance, warehouse, [load_id], no_progress))
    told = client.get(follow).json()
    assert (told["status"], told["in_marts"]) == ("loaded", True)
    assert {name: told["ledger"][name] for name in ("rows_read", "rows_loaded", "rows_quarantined")} == {
        "rows_read": 2,
        "rows_loaded": 1,
        "rows_quarantined": 1,
    }
    assert told["ledger"]["amount_loaded"] == "15.3000"
    assert told["quarantine"] == [{"reasons": "quantity_not_a_number", "rows": 1, "amount": "0.0000"}]
    failed = {check["name"] for check in told["checks"] if not check["passed"]}
    assert failed == {"few_rows_are_quarantined"}
    assert {check["asset"] for check in told["checks"]} > {"order_lines", "mart_kpis"}
    assert told["ledger"]["run_id"] in told["run_url"]


def test_without_dagster_the_file_is_kept_and_the_sensor_starts_its_run_once(client, dagster, warehouse):
    answer = hand_in(client)
    assert answer.status_code == 202
    assert answer.json()["status"] == "waiting"
    assert answer.json()["run_id"] is None
    assert client.get(answer.json()["follow"]).json()["status"] == "waiting"
    load_id = answer.json()["load_id"]
    (request,) = evaluated(dagster).run_requests
    assert request.partition_key == load_id
    assert not evaluated(dagster).run_requests
    assert hand_in(client).status_code == 200


def test_the_sensor_leaves_files_alone_whose_run_somebody_starts(client_for, dagster, warehouse):
    hand_in(client_for(dagster))
    assert not evaluated(dagster).run_requests


@pytest.mark.parametrize("times", [-2, 2], ids=["long ago", "the clock was set back since"])
def test_a_file_whose_receiver_was_killed_before_it_started_the_run_is_taken_over(client, dagster, warehouse, times):
    load_id = hand_in(client).json()["load_id"]
    long_ago = ledger.now() + times * ABANDONED_AFTER
    with warehouse.writing() as connection:
        connection.execute(sa.update(loads).values(requested_at=ledger.now()))
    assert not evaluated(dagster).run_requests
    with warehouse.writing() as connection:
        connection.execute(sa.update(loads).values(requested_at=long_ago))
    (request,) = evaluated(dagster).run_requests
    assert request.partition_key == load_id


def test_a_file_whose_run_was_started_though_nobody_could_note_it_is_not_run_twice(client_for, dagster, warehouse):
    found = hand_in(client_for(dagster)).json()
    with warehouse.writing() as connection:
        connection.execute(sa.update(loads).values(requested_at=None, run_id=None))
    assert not evaluated(dagster).run_requests
    assert entry(warehouse, found["load_id"])["run_id"] == found["run_id"]


def corrections_of(warehouse, load: str, tmp_path, **texts: str) -> bytes:
    """The first row of a load's quarantine, handed out and corrected."""
    correcting.hand_out(warehouse, load, SourceCatalogue(), tmp_path / "fix.csv")
    with (tmp_path / "fix.csv").open(encoding="utf-8-sig", newline="") as file:
        row = next(csv.DictReader(file)) | texts
    written = io.StringIO()
    csv.writer(written).writerows([row, row.values()])
    return written.getvalue().encode()


def test_corrections_are_noted_under_the_name_of_the_key_and_the_load_is_run_again_once(
    client_for, dagster, warehouse, tmp_path
):
    with warehouse.writing() as connection:
        key = {"Authorization": f"Bearer {api_keys.make(connection, 'Ann', ['ingest'])}"}
    client = client_for(dagster)
    load_id = hand_in(client, headers=key).json()["load_id"]
    load(warehouse, load_id, ONLINE_RETAIL)
    fixed = corrections_of(warehouse, load_id, tmp_path, quantity="4")
    answer = hand_in(client, fixed, "fix.csv", headers=key)
    assert answer.status_code == 202, answer.text
    (told,) = answer.json()["loads"]
    assert (answer.json()["rows_corrected"], answer.json()["rows_unchanged"]) == ({load_id: 1}, 0)
    assert told["run_id"] == runs(dagster)[0].run_id == entry(warehouse, load_id)["run_id"]
    found = client.get(told["follow"], headers=key).json()
    assert (found["status"], found["in_marts"], found["ledger"]["rows_loaded"]) == ("landed", False, 1)

    load(warehouse, load_id, ONLINE_RETAIL)
    found = client.get(told["follow"], headers=key).json()
    assert (found["status"], found["quarantine"], found["ledger"]["rows_loaded"]) == ("loaded", [], 2)
    assert rows(warehouse, corrections, "line_no", "old_text", "new_text", "corrected_by") == [(2, "x", "4", "Ann")]
    again = hand_in(client, fixed, "fix.csv", headers=key)
    assert (again.status_code, again.json()) == (200, {"loads": [], "rows_corrected": {}, "rows_unchanged": 1})
    assert len(runs(dagster)) == 2


def test_corrections_wait_for_dagster_also_where_the_load_had_a_run(client, client_for, dagster, warehouse, tmp_path):
    load_id = hand_in(client_for(dagster)).json()["load_id"]
    load(warehouse, load_id, ONLINE_RETAIL)
    answer = hand_in(client, corrections_of(warehouse, load_id, tmp_path, quantity="4"), "fix.csv")
    assert (answer.status_code, answer.json()["loads"][0]["status"]) == (202, "waiting")
    (request,) = evaluated(dagster).run_requests
    assert request.partition_key == load_id
    assert not evaluated(dagster).run_requests


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"line_no": "1"}, "fix.csv, line 2: row 1 of day-"),
        ({"line_no": "x"}, "fix.csv, line 2, column line_no: 'x' is no row's number"),
        ({"load_id": "other-1"}, "fix.csv, line 2, column load_id: there is no load 'other-1'"),
    ],
)
def test_corrections_that_cant_be_are_refused_and_change_nothing(client, warehouse, tmp_path, texts, complaint):
    load_id = hand_in(client).json()["load_id"]
    load(warehouse, load_id, ONLINE_RETAIL)
    before = entry(warehouse, load_id)
    answer = hand_in(client, corrections_of(warehouse, load_id, tmp_path, quantity="4", **texts), "fix.csv")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert complaint in answer.json()["detail"]
    assert (rows(warehouse, corrections), entry(warehouse, load_id)) == ([], before)


def evaluated(dagster) -> dg.SensorResult:
    """What the sensor asks for when it is evaluated."""
    from retail_pipeline.definitions import defs

    with dg.build_sensor_context(instance=dagster.instance, definitions=defs) as context:
        result = defs.get_sensor_def("waiting_loads")(context)
    return dg.SensorResult() if isinstance(result, dg.SkipReason) else result


def test_a_body_that_is_the_file_itself_works_as_well(client, warehouse):
    answer = client.post("/ingest?file_name=till.csv", content=CONTENT, headers={"content-type": "text/csv"})
    assert answer.status_code == 202
    assert landed_file(warehouse, answer.json()["load_id"], "till.csv").read_bytes() == CONTENT


RECORDS = [dict(zip(HEADER.strip().split(","), order_line(number).split(","), strict=True)) for number in ("7", "8")]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/json", json.dumps(RECORDS)),
        ("application/x-ndjson", "".join(json.dumps(record) + "\n" for record in RECORDS)),
    ],
)
def test_order_lines_in_the_body_as_json_are_loaded(client, warehouse, kind, content):
    answer = client.post("/ingest?source=online_retail", content=content.encode(), headers={"content-type": kind})
    assert answer.status_code == 202, answer.text
    load(warehouse, answer.json()["load_id"], ONLINE_RETAIL)
    assert rows(warehouse, order_lines, "invoice_no", "amount") == [("7", Decimal("15.3")), ("8", Decimal("15.3"))]


def test_a_small_file_that_unpacks_into_a_huge_one_is_refused(client, warehouse, monkeypatch):
    monkeypatch.setenv("RETAIL_UNPACKED_MB", "1")
    bomb = gzip.compress(HEADER.encode() + b"\n" * 30_000_000)
    answer = client.post("/ingest", files={"file": ("bomb.csv.gz", bomb)})
    assert answer.status_code == 422
    assert "RETAIL_UNPACKED_MB" in answer.json()["detail"]
    assert not list(warehouse.landing_folder.iterdir())


BAD = {
    "unknown source": (
        {"files": {"file": ("a.csv", CONTENT)}, "data": {"source": "nope"}},
        422,
        "unknown source 'nope'",
    ),
    "another form": ({"files": {"file": ("a.csv", b"a,b\n1,2\n")}}, 422, "no known source has these columns: a, b"),
    "empty": ({"files": {"file": ("a.csv", b"")}}, 422, "a.csv: the file is empty"),
    "no file": ({"files": {"other": ("a.csv", CONTENT)}}, 422, "no part `file`"),
    "two files": ({"files": [("file", ("a.csv", CONTENT)), ("file", ("b.csv", CONTENT))]}, 422, "one file at a time"),
    "file without a name": ({"data": {"file": "x"}, "files": {"other": ("a", b"")}}, 422, "no part `file`"),
    "long source": ({"files": {"file": ("a.csv", CONTENT)}, "data": {"source": "x" * 2000}}, 422, "longer than 1000"),
    "wrong type": ({"content": b"<x/>", "headers": {"content-type": "application/xml"}}, 415, "'application/xml'"),
    "no type": ({"content": CONTENT}, 415, "no type"),
    "no boundary": ({"content": CONTENT, "headers": {"content-type": "multipart/form-data"}}, 422, "Boundary"),
    "cut short": (
        {
            "content": b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + CONTENT,
            "headers": {"content-type": "multipart/form-data; boundary=b"},
        },
        422,
        "ends in the middle",
    ),
    "no form": (
        {"content": b"nonsense", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        422,
        "form can't be read",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_as_a_problem_and_nothing_is_kept(client, warehouse, name):
    request, status, detail = BAD[name]
    answer = client.post("/ingest", **request)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert detail in answer.json()["detail"]
    assert not list(warehouse.landing_folder.glob("*"))


def test_a_file_that_is_too_large_is_refused_as_soon_as_it_is(client_for, warehouse):
    client = client_for(upload_bytes=len(CONTENT))
    assert hand_in(client).status_code == 202
    kept = set(warehouse.landing_folder.iterdir())
    for answer in (
        hand_in(client, CONTENT + b"\n"),
        client.post("/ingest", content=CONTENT + b"\n", headers={"content-type": "text/csv"}),
    ):
        assert answer.status_code == 413
        assert "RETAIL_UPLOAD_BYTES" in answer.json()["detail"]
    assert set(warehouse.landing_folder.iterdir()) == kept


@pytest.mark.parametrize(
    "name",
    ["../../evil.csv", "..", "/etc/passwd", "a\\..\\b.csv", "%2e%2e%2fevil", "x" * 300 + ".csv", "ä.csv", "a\x01b.csv"],
)
def test_a_file_s_name_leads_nowhere_but_into_its_own_folder(client, warehouse, name):
    answer = client.post("/ingest", params={"file_name": name}, content=CONTENT, headers={"content-type": "text/csv"})
    assert answer.status_code == 202
    (folder,) = warehouse.landing_folder.iterdir()
    (file,) = folder.iterdir()
    assert folder.name == answer.json()["load_id"]
    assert client.get(answer.headers["location"]).json()["load_id"] == folder.name
    assert file.read_bytes() == CONTENT
    assert entry(warehouse, folder.name)["file_name"] == file.name
    assert not set(file.name) & set("/\\\x01")


def test_a_load_that_does_not_exist_is_not_found(client):
    answer = client.get("/ingest/nothing-123")
    assert answer.status_code == 404
    assert json.loads(answer.content)["detail"].startswith("there is no load 'nothing-123'")


def test_a_run_that_failed_is_told(client_for, dagster):
    client = client_for(dagster)
    follow = hand_in(client).json()["follow"]
    (run,) = runs(dagster)
    dagster.instance.report_run_failed(run)
    assert client.get(follow).json()["status"] == "failed"
