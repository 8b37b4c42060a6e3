"""Each fault once: whatever happens, nothing is lost or half done, and the next run ends as if it hadn't happened."""

import random
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from retail_pipeline_tests import servers
from retail_pipeline_tests.faults import ground, work
from retail_pipeline_tests.faults.catalogue import FAULTS, Fault, NotHere, impatient
from retail_pipeline_tests.faults.rounds import play

pytestmark = pytest.mark.database


GROUNDS = {"sqlite": [], "server": [pytest.mark.mysql]}
"""With further marks of their tests."""


@pytest.fixture(scope="module", params=[pytest.param(name, marks=marks) for name, marks in GROUNDS.items()])
def shop(request, tmp_path_factory) -> Iterator[ground.Ground]:
    folder = tmp_path_factory.mktemp("faults")
    if request.param == "sqlite":
        opened = ground.sqlite(folder)
    elif program := servers.program_on_path():
        opened = ground.own_server(folder, program)
    else:  # what takes a server that may be killed is skipped
        opened = ground.named_server(folder, request.getfixturevalue("mysql_url"))
    with opened as shop:
        yield shop


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_whatever_happens_nothing_is_lost_or_half_done_and_the_next_run_finishes(shop, fault: Fault):
    try:
        play(shop, fault, random.Random(fault.name))
    except NotHere as reason:
        pytest.skip(str(reason))


def test_a_writer_that_is_alive_is_waited_for_however_long_it_takes(shop):
    def slowly(warehouse):
        with warehouse.alone(), warehouse.writing() as connection:
            connection.execute(sa.text("UPDATE warehouse_state SET version = version"))
            time.sleep(6)

    with impatient():
        busy = work.begin(slowly, shop.settings)
        time.sleep(0.5)
        waiting = work.begin(work.bring_up_to_date, shop.settings)
        assert busy.wait() == work.DONE, busy.log.read_text()
        assert waiting.wait() == work.DONE, waiting.log.read_text()
