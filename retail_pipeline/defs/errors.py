"""What a failure in Dagster says to people."""

import dagster as dg

from retail_pipeline import errors


def message_of(event: dg.DagsterEvent) -> str:
    """Why a step or a run failed: what was said of it on purpose, or the error that is at the root of it."""
    if event.is_step_failure:
        failure = event.step_failure_data
        if failure.user_failure_data and failure.user_failure_data.description:
            return failure.user_failure_data.description
        if failure.error:
            message = (failure.error.cause or failure.error).message.strip()
            # What we raise ourselves is told without the name of its class.
            return message.partition(": ")[2] if message.startswith(f"{errors.__name__}.") else message
    return event.message or "failed"
