"""How many examples the tests of properties on databases try."""

import os

from hypothesis import HealthCheck, settings

VARIABLE = "RETAIL_TEST_EXAMPLES"
"""Names how many times as many examples are tried: the weekly run of CI has the time for it."""


def on_a_database(examples: int, **others: object) -> settings:
    """The settings of a property whose every example begins with a database that the test itself empties."""
    return settings(
        max_examples=examples * int(os.environ.get(VARIABLE, "1")),
        deadline=None,
        suppress_health_check=[
            HealthCheck.function_scoped_fixture,
            HealthCheck.too_slow,
            HealthCheck.data_too_large,
        ],
        **others,
    )
