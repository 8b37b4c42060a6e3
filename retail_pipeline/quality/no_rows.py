"""The one expectation of our own. Its import takes Great Expectations' seconds: leave it to where a check runs."""

from typing import Any, ClassVar

from great_expectations.expectations.expectation import BatchExpectation

from retail_pipeline.quality.queries import NUMBER_OF_ROWS


class ExpectNoRows(BatchExpectation):
    """That a query of `contradictions` finds nothing. The result is that of Great Expectations' expectations of rows.

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
