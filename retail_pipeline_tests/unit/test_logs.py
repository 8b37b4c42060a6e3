"""What the log's lines say, in both forms, and that no secret is in any of them."""

import json
import logging

import pytest

from retail_pipeline import logs
from retail_pipeline.errors import BadInput, Unreachable
from retail_pipeline.redaction import MASK, redacted
from retail_pipeline.settings import Settings
from retail_pipeline.warehouse import Warehouse

PLANTED = "Pl4nted/p@ss:w?rd#1%"
QUOTED = "Pl4nted%2Fp%40ss%3Aw%3Frd%231%25"


@pytest.fixture
def log_of(capsys: pytest.CaptureFixture[str]):
    """Sets the log up by settings, and gives what was logged since."""
    names = (*logs.OURS, "")

    def set_up(**settings: str):
        logs.set_up(Settings(**settings), level=logging.INFO)
        return lambda: capsys.readouterr().err

    yield set_up
    for name in names[:-1]:
        logging.getLogger(name).handlers = []
        logging.getLogger(name).setLevel(logging.NOTSET)


def test_a_line_of_json_says_what_happened_with_the_facts_of_the_call_and_of_all_around_it(log_of):
    told = log_of(log_format="json")
    with logs.about(run_id="r1"), logs.about(load_id="l1"):
        logging.getLogger("retail_pipeline.warehouse").info("%s loaded", "a file", extra={"rows": 3, "nothing": None})
    logging.getLogger("retail_pipeline").info("after")
    first, second = (json.loads(line) for line in told().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        **{"level": "info", "logger": "retail_pipeline.warehouse", "message": "a file loaded"},
        **{"rows": 3, "run_id": "r1", "load_id": "l1"},
    }
    assert "run_id" not in second


def test_a_line_of_text_has_its_facts_at_the_end_and_an_error_where_it_happened(log_of):
    told = log_of()
    try:
        raise ValueError("odd")
    except ValueError:
        logging.getLogger("api").exception("It failed", extra={"load_id": "l1"})
    line, *where = told().splitlines()
    assert line.endswith("Z error   It failed load_id=l1")
    assert where[-1] == "ValueError: odd"


def test_less_than_the_level_that_is_set_is_not_told(log_of):
    told = log_of(log_level="warning")
    logging.getLogger("retail_pipeline").info("quiet")
    assert told() == ""


def test_no_secret_is_in_a_line_however_it_got_there(log_of):
    told = log_of(log_format="json", database_url=f"mysql://retail:{QUOTED}@db/retail", api_database_url="sqlite://")
    logger = logging.getLogger("api")
    logger.info("connecting to %s", PLANTED, extra={"url": f"mysql://retail:{QUOTED}@db/retail", "list": [PLANTED]})
    try:
        raise RuntimeError(f"cannot connect with {PLANTED}")
    except RuntimeError:
        logger.exception("failed")
    text = told()
    assert MASK in text
    assert PLANTED not in text
    assert QUOTED not in text


def test_settings_show_no_secret():
    settings = Settings(database_url=f"mysql://retail:{QUOTED}@db/retail")
    for shown in (repr(settings), str(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert QUOTED not in shown
    assert settings.warehouse_url.endswith("@db/retail")
    assert redacted(f"{PLANTED} and {QUOTED}") == f"{MASK} and {MASK}"


@pytest.mark.parametrize(
    "url",
    [
        "mysql://retail:Pl4nted@S3cret@127.0.0.1:1/retail",
        "mysql://retail:Pl4nted@S3/cret@127.0.0.1:1/retail",
        "mysql://retail:Pl4nted@S3:cret@127.0.0.1:1/retail",
        "mysql://retail@127.0.0.1:Pl4ntedS3cret/retail",
        "mysql://retail:Pl4ntedS3cret@[::1/retail",
        "mysql:/retail:Pl4ntedS3cret@127.0.0.1/retail",
        "retail:Pl4ntedS3cret@127.0.0.1",
        "mysql://127.0.0.1:1/retail?password=Pl4ntedS3cret",
        "oracle://retail:Pl4ntedS3cret@127.0.0.1/retail",
    ],
)
def test_a_url_that_is_odd_is_refused_without_a_word_of_its_password(url):
    with pytest.raises(BadInput, match="RETAIL_DATABASE_URL") as refused:
        Warehouse(Settings(database_url=url)).engine.connect()
    for part in ("Pl4nted", "S3", "cret"):
        assert part not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("password", ["Pl4nted/S3cret", "Pl4nted:S3cret", "Pl4nted?S3cret", "Pl4nted#S3cret", QUOTED])
def test_a_password_with_odd_characters_that_can_be_told_is_used_and_not_told(password):
    warehouse = Warehouse(Settings(database_url=f"mysql://retail:{password}@127.0.0.1:1/retail"))
    with (
        pytest.raises(Unreachable, match=r"retail:\*\*\*@127.0.0.1:1/retail can't be reached") as refused,
        warehouse.reading(),
    ):
        pass
    assert "Pl4nted" not in str(refused.value)
