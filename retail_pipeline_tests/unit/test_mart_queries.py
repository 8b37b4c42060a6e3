"""What the marts' queries keep to, for the sake of a database that isn't always there to be asked."""

from collections.abc import Iterator

from sqlglot import exp

from retail_pipeline.marts.catalogue import marts


def looked_up_by_a_number(query: exp.Query) -> Iterator[str]:
    """The tables within a query of which it wants the rows that have one number in a column."""
    within = {table.alias for table in query.find_all(exp.CTE)}
    for select in query.find_all(exp.Select):
        tables = {table.name for table in select.find_all(exp.Table) if table.find_ancestor(exp.Select) is select}
        where = select.args.get("where")
        if where and any(same.expression.is_number for same in where.find_all(exp.EQ)):
            yield from tables & within


def test_no_long_table_within_a_query_is_looked_up_by_a_number():
    """MySQL waits for ever where the pages of what it finds so outgrow its buffer pool (bugs.mysql.com/96236)."""
    found = {table for mart in marts().values() for table in looked_up_by_a_number(mart.query)}
    assert found == {"counted"}  # which has a row for each pair of months
