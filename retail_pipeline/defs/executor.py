"""The executor of the graph's steps: two at a time, in threads of the run's one process.

While the database works for one step, another computes, or asks it too. Processes of their own, as Dagster's executors
start them, would each import and work out everything anew, which takes longer than most steps.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from contextvars import ContextVar, copy_context
from graphlib import TopologicalSorter
from queue import SimpleQueue

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import (
    PlanExecutionContext,
    PlanOrchestrationContext,
    StepExecutionContext,
)
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._utils.interrupts import raise_interrupts_as

from retail_pipeline.settings import Settings

AT_A_TIME = 2
"""A query takes one of the database's processors, and small servers have two: three at a time of large ones take longer
than two, for the server's memory holds the pages of fewer.
"""

WORK_TAG = "retail/work"
"""An op's tag that says how many times the work of other ops it is."""

_step_of_thread: ContextVar[str | None] = ContextVar("step_of_thread", default=None)

Told = tuple[str, dg.DagsterEvent | BaseException | None]
"""What a thread tells of the step that it works on, by its key: an event, an error, or that it has ended."""


class ThreadedExecutor(dg.Executor):
    """Does what Dagster's in-process executor does, with several steps at a time."""

    retries = RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        """The events of all steps, as they come."""
        about = EngineEventData.in_process(os.getpid(), execution_plan.step_keys_to_execute)
        begun = f"Executing steps, {AT_A_TIME} at a time, in process {os.getpid()}"
        yield dg.DagsterEvent.engine_event(plan_context, begun, about)
        yield from ExecuteRunWithPlanIterable(
            execution_plan=plan_context.execution_plan,
            iterator=_events_of_run,
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=plan_context.execution_plan,
                run_config=plan_context.run_config,
                dagster_run=plan_context.dagster_run,
                instance=plan_context.instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
                step_dependency_config=self.step_dependency_config,
            ),
        )
        yield dg.DagsterEvent.engine_event(plan_context, f"Finished steps in process {os.getpid()}", about)


@dg.executor(name="threaded")
def threaded_executor(_: dg.InitExecutorContext) -> ThreadedExecutor:
    """Runs steps in threads of the run's process, several at a time."""
    return ThreadedExecutor()


def executor_of(settings: Settings) -> dg.ExecutorDefinition:
    """The executor for the engine that the settings name: Spark spreads each step over its cluster by itself."""
    return dg.in_process_executor if settings.engine == "spark" else threaded_executor


def _events_of_run(job_context: PlanExecutionContext, execution_plan: ExecutionPlan) -> Iterator[dg.DagsterEvent]:
    with ExitStack() as held:
        yield _capture_output(job_context, execution_plan, held)
        steps = execution_plan.get_steps_to_execute_in_topo_order()
        work = {step.key: int(step.tags.get(WORK_TAG, 1)) for step in steps}
        ahead = work_ahead(execution_plan.get_executable_step_deps(), work)
        limits = held.enter_context(InstanceConcurrencyContext(job_context.instance, job_context.dagster_run))
        active = held.enter_context(
            execution_plan.start(
                retry_mode=job_context.retry_mode,
                sort_key_fn=lambda step: -ahead[step.key],
                max_concurrent=AT_A_TIME,
                instance_concurrency_context=limits,
                step_dependency_config=job_context.step_dependency_config,
            )
        )
        threads = held.enter_context(ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="step"))
        yield from _Steps(job_context, active, threads).events()


def work_ahead(steps_before: Mapping[str, Collection[str]], work: Mapping[str, int]) -> dict[str, int]:
    """How much work at most is to be done from each step on, one step after the other, itself included.

    Those with most come first, lest they come last and alone. `steps_before` are the steps that each of them waits for,
    and `work` is what each takes.
    """
    ahead = dict(work)
    for step in reversed([*TopologicalSorter(steps_before).static_order()]):
        for before in steps_before[step]:
            ahead[before] = max(ahead[before], work[before] + ahead[step])
    return ahead


def _capture_output(context: PlanExecutionContext, plan: ExecutionPlan, held: ExitStack) -> dg.DagsterEvent:
    """Lets Dagster keep what the process writes to its standard output, where it is set up to."""
    manager = context.instance.compute_log_manager
    steps = [step.key for step in plan.get_steps_to_execute_in_topo_order()]
    key = manager.build_log_key_for_run(context.run_id, create_compute_log_file_key())
    captured = held.enter_context(manager.capture_logs(key))
    return dg.DagsterEvent.capture_logs(context, steps, key, captured)


class _Steps:
    """The steps of one run."""

    def __init__(self, context: PlanExecutionContext, active: ActiveExecution, threads: ThreadPoolExecutor):
        self._context, self._active, self._threads = context, active, threads
        self._running: dict[str, StepExecutionContext] = {}
        self._told: SimpleQueue[Told] = SimpleQueue()

    def events(self) -> Iterator[dg.DagsterEvent]:
        """Starts steps as soon as those before them are done; gives their events as they come."""
        try:
            while not self._active.is_complete:
                self._start()
                yield from self._active.concurrency_event_iterator(self._context)
                if self._running:
                    yield from self._next()
                else:
                    self._active.sleep_til_ready()
                yield from self._active.plan_events_iterator(self._context)
        except GeneratorExit:
            self._interrupt()
            raise
        except BaseException:
            self._interrupt()
            while self._running:
                with suppress(Exception):  # the first error is the one that counts
                    yield from self._next()
            raise

    def _start(self) -> None:
        for step in self._active.get_steps_to_execute():
            context = self._context.for_step(step, self._active.get_known_state())
            self._running[step.key] = context
            self._threads.submit(copy_context().run, self._work, context)

    def _work(self, context: StepExecutionContext) -> None:
        """Works on a step, in a thread."""
        key = context.step.key
        _step_of_thread.set(key)
        # For the length of a step Dagster takes each line that is logged in the process for one of that step's.
        handler = context.log._dagster_handler
        hears = handler.filter
        handler.filter = lambda line: _step_of_thread.get() in (None, key) and hears(line)
        try:
            for event in dagster_event_sequence_for_step(context):
                self._told.put((key, event))
        except BaseException as error:
            self._told.put((key, error))
        finally:
            self._told.put((key, None))

    def _next(self) -> Iterator[dg.DagsterEvent]:
        """Waits for what a thread tells next."""
        with raise_interrupts_as(DagsterExecutionInterruptedError):
            key, told = self._told.get()
        if isinstance(told, BaseException):
            raise told
        if told is None:
            del self._running[key]
            self._active.verify_complete(self._context, key)
        else:
            yield told
            self._active.handle_event(told)

    def _interrupt(self) -> None:
        """Breaks off what the database is doing for the steps that are under way."""
        for context in self._running.values():
            if "retail" in context.required_resource_keys:
                context.resources.retail.interrupt()
