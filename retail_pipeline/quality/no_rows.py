"""The one expectation of our own. Its import takes Great Expectations' seconds: leave it to where a check runs."""

from typing import Any, ClassVar

from great_expectations.expectations.expectation import BatchExpectation
from sqlglot import exp

NUMBER_OF_ROWS = "unexpected_rows"


def counted(query: exp.Query, first: int) -> exp.Query:
    """A query for the `first` rows that a query finds, each with the number of all in the column NUMBER_OF_ROWS."""
    number = f"COUNT(*) OVER () AS {NUMBER_OF_ROWS}"
    return exp.select("*", number).from_(query.subquery("unexpected")).limit(first)


class ExpectNoRows(BatchExpectation):
    """That a `counted` query finds nothing. The result is that of Great Expectations' row by row expectations.

    Great Expectations' own UnexpectedRowsExpectation runs its query twice, for the rows and for their number, and lets
    it read every column of the batch, which takes MySQL twice as long.
    """

    query: str
    metric_dependencies: ClassVar[tuple[str, ...]] = ("query.table",)
    success_keys: ClassVar[tuple[str, ...]] = ("query",)

    def _validate(self, metrics: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        rows = metrics["query.table"]
        number = rows[0][NUMBER_OF_ROWS] if rows else 0
        sample = [{name: value for name, value in row.items() if name != NUMBER_OF_ROWS} for row in rows]
        return {"success": not rows, "result": {"unexpected_count": number, "partial_unexpected_list": sample}}
