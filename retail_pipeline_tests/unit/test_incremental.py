"""What of its tables a mart reads when only some of its parts are made anew."""

from sqlglot import exp

from retail_pipeline.marts.catalogue import marts
from retail_pipeline.marts.incremental import of_parts


def test_what_guests_bought_is_not_searched_for_what_a_guest_returns():
    """Guests have more lines than any customer, and none that a return is matched with."""
    by_null = {
        found.alias: bool(found.find(exp.NullSafeEQ))
        for found in of_parts(marts()["mart_returns"]).find_all(exp.Subquery)
    }
    assert (by_null["sales"], by_null["order_lines"]) == (False, False)
    assert by_null["o"] is True
