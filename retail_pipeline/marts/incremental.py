"""A mart's query cut down to what changed: pure functions from queries to queries, in MySQL's dialect.

What changed is what `warehouse.changes` noted after the version of order_lines that the mart shows: `:since`.
"""

from collections.abc import Collection, Iterable

import sqlglot
from sqlglot import exp

from retail_pipeline.marts.catalogue import Mart, Parts, marts, schema
from retail_pipeline.warehouse.changes import INVOICE, LINES
from retail_pipeline.warehouse.tables import order_lines, refresh_parts, superseded_lines, tested_parts

_LINES = ", ".join(LINES)

_CHANGED = """
SELECT source, invoice_no, MIN(version) AS version FROM changed_invoices WHERE version > :since
GROUP BY source, invoice_no
"""

_TOUCHED_LINES = f"""
SELECT touched.*, DATE_FORMAT(invoice_date, '%Y-%m-01') AS month, DATE_FORMAT(invoice_date, '%Y') AS year
FROM (
  SELECT {", ".join(f"o.{column}" for column in LINES)} FROM ({_CHANGED}) AS changed
  JOIN order_lines AS o ON o.source = changed.source AND o.invoice_no = changed.invoice_no
  UNION ALL
  SELECT {_LINES} FROM lines_before WHERE version > :since
) AS touched
"""
"""The lines of changed invoices as they are and as they were: the keys of whatever a change concerns are theirs."""

_TOUCHED_PERIODS = """
SELECT touched.*, 'all time' AS period FROM touched_lines AS touched
UNION ALL
SELECT touched.*, touched.year AS period FROM touched_lines AS touched
"""

_NOW = f"""
SELECT t.* FROM ({_CHANGED}) AS changed
JOIN {{table}} AS t ON t.source = changed.source AND t.invoice_no = changed.invoice_no
"""

_EARLIER = f"""
SELECT {{columns}} FROM ({_CHANGED}) AS changed
JOIN lines_before AS t
  ON t.source = changed.source AND t.invoice_no = changed.invoice_no AND t.version = changed.version
WHERE {{which}}
"""


def keys_of_parts(mart: Mart) -> exp.Query:
    """The keys of the parts of a mart that changes concern, of those that it is refreshed by, and from which day on."""
    assert isinstance(mart.refresh, Parts)
    onward = mart.refresh.onward
    return _keys(mart, mart.refresh.parts, f", MIN({onward.column}) AS {onward.column}" if onward else "")


def keys_by(mart: Mart, parts: tuple[str, ...]) -> exp.Query:
    """The keys of the parts of a mart that changes concern, where these columns tell its parts apart."""
    return _keys(mart, parts)


def _keys(mart: Mart, parts: tuple[str, ...], and_of_each: str = "") -> exp.Query:
    columns = ", ".join(parts)
    found_by_mart = isinstance(mart.refresh, Parts) and mart.refresh.parts == parts and mart.refresh.keys
    touched = "touched_periods" if "period" in parts else "touched_lines"
    keys = found_by_mart or f"SELECT {columns} FROM {touched}"
    filled = " AND ".join(f"{name} IS NOT NULL" for name in parts if not mart.columns[name].nullable)
    query = _parsed(f"SELECT {columns}{and_of_each} FROM ({keys}) AS parts WHERE {filled or 'TRUE'} GROUP BY {columns}")
    lines = _parsed(_TOUCHED_LINES)
    periods = reading(_parsed(_TOUCHED_PERIODS), {"touched_lines": lines})
    loads = _parsed("SELECT load_id FROM changed_loads WHERE version > :since")
    return reading(query, {"touched_lines": lines, "touched_periods": periods, "touched_loads": loads})


def whole(mart: Mart) -> exp.Query:
    """The mart's query as it is."""
    return mart.query.copy()


def of_parts(mart: Mart) -> exp.Query:
    """The query of a mart that is refreshed by parts, over the parts in refresh_parts alone."""
    assert isinstance(mart.refresh, Parts)
    parts, onward = mart.refresh.parts, mart.refresh.onward
    if onward is None:
        return _where_chosen(mart, parts)
    earliest = f"DATE_ADD(part.{onward.column}, INTERVAL -{onward.years_before} YEAR)"
    rows = _where_chosen(mart, parts, f" AND t.{onward.column} >= {earliest}")
    chosen = f"SELECT t.* FROM {refresh_parts.name} AS part JOIN rows_there AS t ON {_same_chosen(mart, parts)}"
    return reading(_parsed(f"{chosen} AND {from_day(mart)}"), {"rows_there": rows})


def from_day(mart: Mart) -> str:
    """That a row `t` is of those that are made anew of the part `part`."""
    onward = isinstance(mart.refresh, Parts) and mart.refresh.onward
    return f"t.{onward.column} >= part.{onward.column}" if onward else "TRUE"


def of_rows(mart: Mart) -> exp.Query:
    """The mart's query for those of its rows alone whose keys are in refresh_parts."""
    return _where_chosen(mart, mart.grain)


def _where_chosen(mart: Mart, parts: tuple[str, ...], and_which: str = "") -> exp.Query:
    """The mart's query over the chosen parts of each table that has their columns, and over all of the others."""
    query = mart.query.copy()
    for table in list(query.find_all(exp.Table)):
        if table.name in mart.reads and {*parts} <= schema()[table.name].keys():
            same = _same_chosen(mart, parts, _filled(table)) + and_which
            chosen = _parsed(f"SELECT t.* FROM {refresh_parts.name} AS part JOIN {table.name} AS t ON {same}")
            table.replace(chosen.subquery(table.alias_or_name))
    return query


def _filled(table: exp.Table) -> set[str]:
    """The columns of a table that who reads it wants filled, by `customer_id IS NOT NULL`.

    By those, parts that have none needn't be looked up: of guests' lines there are more than of any customer.
    """
    where = table.find_ancestor(exp.Select).args.get("where")
    if where is None:
        return set()
    wanted = [*where.this.flatten()] if isinstance(where.this, exp.And) else [where.this]
    # A query that reads several tables names the table of each column.
    names = (None, table.alias_or_name)
    return {
        name
        for name in schema()[table.name]
        if any(exp.column(name, table=of).is_(exp.null()).not_() in wanted for of in names)
    }


def of_tested_parts(mart: Mart, parts: tuple[str, ...], table: str, columns: Iterable[str]) -> exp.Query:
    """The rows of a table that belong to those parts of a mart in tested_parts that these columns tell apart."""
    shown = ", ".join(f"t.{column}" for column in columns)
    same = f"{is_chosen(mart)} AND part.parts = '{named(parts)}' AND {_same_part(mart, parts)}"
    return _parsed(f"SELECT {shown} FROM {tested_parts.name} AS part JOIN {table} AS t ON {same}")


def named(parts: tuple[str, ...]) -> str:
    """The columns that tell parts apart, as tested_parts names them."""
    return ", ".join(parts)


def is_chosen(mart: Mart) -> str:
    """That a row `part` of a scratch table is a part of this mart: others may be refreshed or tested meanwhile."""
    return f"part.mart = '{mart.name}'"


def _same_chosen(mart: Mart, parts: tuple[str, ...], filled: Collection[str] = ()) -> str:
    return f"{is_chosen(mart)} AND {_same_part(mart, parts, filled)}"


def _same_part(mart: Mart, parts: tuple[str, ...], filled: Collection[str] = ()) -> str:
    """That a row `t` of some table belongs to the part `part` of a mart; some columns may be wanted filled."""
    nullable = {name for name in parts if mart.columns[name].nullable} - {*filled}
    return " AND ".join(f"t.{name} {'<=>' if name in nullable else '='} part.{name}" for name in parts)


def now(mart: Mart) -> exp.Query:
    """An additive mart's query over changed invoices as they are."""
    return reading(mart.query, {table: _parsed(_NOW, table=table) for table in _by_invoice(mart)})


def earlier(mart: Mart) -> exp.Query:
    """An additive mart's query over changed invoices as they were in that version."""
    replaced = {}
    for table in _by_invoice(mart):
        if table in marts():
            replaced[table] = earlier(marts()[table])
        else:
            counted = table == order_lines.name
            columns = ", ".join(f"t.{name}" for name in (*LINES, *(() if counted else ("first_superseded_by",))))
            which = f"t.first_superseded_by {'=' if counted else '<>'} ''"
            replaced[table] = _parsed(_EARLIER, columns=columns, which=which)
    return reading(mart.query, replaced)


def difference(mart: Mart) -> exp.Query:
    """What to add to each row of an additive mart; firsts and lasts are those of the changed invoices as they are."""
    grain = ", ".join(mart.grain)
    others = [name for name in mart.columns if name not in mart.grain]
    plus = ", ".join(others)
    minus = ", ".join(
        f"-{name} AS {name}" if name in sums(mart) else f"CAST(NULL AS CHAR) AS {name}" for name in others
    )
    merged = ", ".join(f"{_merging(mart, name)}({name}) AS {name}" for name in others)
    query = f"""
        SELECT {grain}, {merged} FROM (
          SELECT {grain}, {plus} FROM now_there AS plus UNION ALL SELECT {grain}, {minus} FROM earlier_there AS minus
        ) AS both_states GROUP BY {grain}
    """
    return reading(_parsed(query), {"now_there": now(mart), "earlier_there": earlier(mart)})


def lost_extremes(mart: Mart) -> exp.Query:
    """Keys of the rows of an additive mart whose first or last may have gone: only reading all their lines can tell."""
    grain = ", ".join(f"earlier_there.{name}" for name in mart.grain)
    same = " AND ".join(f"shown.{name} = earlier_there.{name}" for name in mart.grain)
    extremes = [name for name in mart.columns if name not in mart.grain and name not in sums(mart)]
    gone = " OR ".join(f"shown.{name} = earlier_there.{name}" for name in extremes)
    query = f"SELECT {grain} FROM earlier_there JOIN {mart.name} AS shown ON {same} WHERE {gone}"
    return reading(_parsed(query), {"earlier_there": earlier(mart)})


def sums(mart: Mart) -> set[str]:
    """The columns of an additive mart that are added up; the others keep the first or the last of something."""
    return {name for name, column in mart.columns.items() if name not in mart.grain and column.keeps is None}


def firsts(mart: Mart) -> set[str]:
    """The columns of an additive mart that keep the first of something."""
    return {name for name, column in mart.columns.items() if column.keeps == "first"}


def _merging(mart: Mart, column: str) -> str:
    return "SUM" if column in sums(mart) else "MIN" if column in firsts(mart) else "MAX"


def _by_invoice(mart: Mart) -> list[str]:
    """The tables of a mart's query that consist of invoices."""
    invoices = {order_lines.name, superseded_lines.name} | {
        other.name
        for other in marts().values()
        if isinstance(other.refresh, Parts) and [*other.refresh.parts] == INVOICE
    }
    return sorted(mart.reads & invoices)


def reading(query: exp.Query, replaced: dict[str, exp.Query]) -> exp.Query:
    """The query with other queries in the place of tables."""
    query = query.copy()
    for table in list(query.find_all(exp.Table)):
        if table.name in replaced:
            table.replace(replaced[table.name].subquery(table.alias_or_name))
    return query


def _parsed(sql: str, **names: str) -> exp.Query:
    return sqlglot.parse_one(sql.format(**names), read="mysql")
