"""Steps run in threads, as the graph lets them, and Dagster is told the same as if they had not."""

import logging
import os
import signal
import threading
from collections.abc import Callable
from types import SimpleNamespace

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.execute_in_process import core_execute_in_process

from retail_pipeline.defs.executor import AT_A_TIME, WORK_TAG, executor_of, threaded_executor, work_ahead
from retail_pipeline.settings import Settings

SECONDS = 20
"""How long a step waits for another that has to be under way."""

Work = Callable[[dg.AssetExecutionContext], None]


def asset(name: str, work: Work, *deps: str, resource: bool = False, times: int = 1) -> dg.AssetsDefinition:
    needed = {"retail"} if resource else set()

    @dg.asset(name=name, deps=deps, required_resource_keys=needed, op_tags={WORK_TAG: str(times)})
    def made(context: dg.AssetExecutionContext) -> None:
        work(context)

    return made


def run(*assets: dg.AssetsDefinition, instance: dg.DagsterInstance | None = None, retail: object = None):
    defs = dg.Definitions(
        assets, jobs=[dg.define_asset_job("job")], executor=threaded_executor, resources={"retail": retail or "none"}
    )
    return core_execute_in_process(
        job=InMemoryJob(defs.resolve_job_def("job")),
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        instance=instance,
        output_capturing_enabled=False,
        raise_on_error=False,
    )


def nothing(_: dg.AssetExecutionContext) -> None: ...


def test_steps_that_do_not_wait_for_each_other_run_at_the_same_time():
    together = threading.Barrier(AT_A_TIME)
    assert run(*(asset(f"a{number}", lambda _: together.wait(SECONDS)) for number in range(AT_A_TIME))).success


def test_steps_from_which_on_most_work_is_to_be_done_come_first():
    before = {"a": [], "b": [], "c": ["b"], "d": ["c"], "e": ["a", "d"], "f": ["a"], "g": ["a"]}
    alike = dict.fromkeys(before, 1)
    assert work_ahead(before, alike) == {"a": 2, "b": 4, "c": 3, "d": 2, "e": 1, "f": 1, "g": 1}
    assert work_ahead(before, alike | {"a": 2, "g": 5}) == {"a": 7, "b": 4, "c": 3, "d": 2, "e": 1, "f": 1, "g": 5}
    done, first = [], threading.Barrier(AT_A_TIME)

    def work(context: dg.AssetExecutionContext) -> None:
        done.append(name := context.asset_key.path[-1])
        if name in ("x", "y"):  # no other step begins until both have
            first.wait(SECONDS)

    steps = asset("a", work), asset("b", work), asset("x", work), asset("y", work, times=5), asset("z", work, "x")
    assert run(*steps).success
    assert sorted(done[:AT_A_TIME]) == ["x", "y"]


def test_no_more_than_so_many_steps_run_at_a_time():
    running, most = [], []

    def work(_: object) -> None:
        running.append(1)
        most.append(len(running))
        threading.Event().wait(0.05)
        running.pop()

    assert run(*(asset(f"a{number}", work) for number in range(3 * AT_A_TIME))).success
    assert 1 < max(most) <= AT_A_TIME


def test_a_step_begins_when_those_before_it_are_done_and_not_later():
    order, held = [], threading.Event()

    def last(_: object) -> None:
        order.append("last")
        held.set()

    assert run(
        asset("unconcerned", lambda _: held.wait(SECONDS) and order.append("unconcerned")),
        asset("first", lambda _: order.append("first")),
        asset("last", last, "first"),
    ).success
    assert order == ["first", "last", "unconcerned"]


def test_what_depends_on_a_step_that_failed_is_not_begun_and_everything_else_is_done():
    done = []

    def fail(_: object) -> None:
        raise ValueError("no")

    outcome = run(
        asset("failing", fail),
        asset("waiting", lambda _: done.append("waiting"), "failing"),
        asset("other", lambda _: done.append("other")),
        asset("behind_other", lambda _: done.append("behind_other"), "other"),
    )
    assert not outcome.success
    assert done == ["other", "behind_other"]
    [failure] = [event for event in outcome.all_events if event.is_step_failure]
    assert failure.step_key == "failing"
    assert "ValueError: no" in failure.step_failure_data.error.to_string()


def test_each_line_of_the_log_is_told_once_and_as_that_of_its_own_step():
    together, log = threading.Barrier(2), logging.getLogger("retail_pipeline.told")

    def work(context: dg.AssetExecutionContext) -> None:
        together.wait(SECONDS)
        log.info("in %s", context.asset_key.path[-1])
        together.wait(SECONDS)

    overrides = {"python_logs": {"managed_python_loggers": ["retail_pipeline"], "python_log_level": "INFO"}}
    with dg.instance_for_test(overrides=overrides) as instance:
        outcome = run(asset("a", work), asset("b", work), instance=instance)
        told = [(entry.step_key, entry.user_message) for entry in instance.all_logs(outcome.run_id)]
    assert sorted(entry for entry in told if entry[1].startswith("in ")) == [("a", "in a"), ("b", "in b")]


def test_who_stops_a_run_breaks_off_what_the_database_is_doing_for_it():
    interrupted = threading.Event()

    def work(context: dg.AssetExecutionContext) -> None:
        context.instance.report_run_canceling(context.run)  # as who stops a run in the web UI does
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupted.wait(SECONDS)
        raise ConnectionError("the connection was cut")

    retail = SimpleNamespace(interrupt=interrupted.set)
    with dg.instance_for_test() as instance:
        outcome = run(
            asset("long", work, resource=True), asset("later", nothing, "long"), instance=instance, retail=retail
        )
        assert instance.get_run_by_id(outcome.run_id).status == dg.DagsterRunStatus.CANCELED
    [failure] = [event for event in outcome.all_events if event.is_step_failure]
    assert "the connection was cut" in failure.step_failure_data.error.to_string()
    assert not [event for event in outcome.all_events if event.step_key == "later"]


def test_steps_go_one_after_the_other_where_spark_does_the_work():
    assert executor_of(Settings(engine="spark")) == dg.in_process_executor
    assert executor_of(Settings(engine="database")) == threaded_executor
