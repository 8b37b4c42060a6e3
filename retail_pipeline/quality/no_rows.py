"""The one expectation of our own. Its import takes Great Expectations' seconds: leave it to where a check runs."""

from typing import Any, ClassVar

from great_expectations.expectations import UnexpectedRowsExpectation
from great_expectations.expectations.row_conditions import RowConditionType
from sqlglot import exp

NUMBER_OF_ROWS = "unexpected_rows"


def counted(query: exp.Query, first: int) -> exp.Query:
    """A query for the `first` rows that a query finds, each with the number of all in the column NUMBER_OF_ROWS."""
    number = f"COUNT(*) OVER () AS {NUMBER_OF_ROWS}"
    return exp.select("*", number).from_(query.subquery("unexpected")).limit(first)


class ExpectNoRows(UnexpectedRowsExpectation):
    """That a `counted` query finds nothing.

    Its parent runs a query twice, for the rows and for their number. The result is that of Great Expectations' row by
    row expectations.
    """

    row_condition: RowConditionType = None
    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.table",)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        rows = metrics["unexpected_rows_query.table"]
        number = rows[0][NUMBER_OF_ROWS] if rows else 0
        sample = [{name: value for name, value in row.items() if name != NUMBER_OF_ROWS} for row in rows]
        return {"success": not rows, "result": {"unexpected_count": number, "partial_unexpected_list": sample}}
