"""Decimals that stay exact on every database, SQLite included.

SQLite has no decimal type. A column declared DECIMAL has NUMERIC affinity there: what is stored is a whole number or
the double nearest to the decimal, and up to 15 significant digits come back as they went in
(https://sqlite.org/floatingpoint.html). What a double can't do is add up. So sums are taken over whole
ten-thousandths, which are exact, here for SQLAlchemy and in `dialect` for SQL text.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import ColumnElement, Dialect, Numeric, String, cast, func
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

SCALE = 4
"""The most decimals that a stored number has; every sum is taken in units of 10 ** -SCALE."""

UNITS = 10**SCALE


class _SQLiteDecimal(UserDefinedType):
    """DECIMAL on SQLite: written as text, which the column's affinity turns into a number, and read to its scale."""

    cache_ok = True

    def __init__(self, precision: int, scale: int):
        self.precision, self.scale = precision, scale

    def get_col_spec(self, **_: Any) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        return lambda value: None if value is None else str(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Decimal | None]:
        exponent = Decimal(1).scaleb(-self.scale)
        return lambda value: None if value is None else Decimal(str(value)).quantize(exponent)


class ExactDecimal(TypeDecorator[Decimal]):
    """DECIMAL(precision, scale), a `Decimal` in Python on every database."""

    impl = Numeric
    cache_ok = True

    def __init__(self, precision: int, scale: int):
        super().__init__(precision, scale)

    @property
    def python_type(self) -> type[Decimal]:
        return Decimal

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        precise = _SQLiteDecimal(self.impl.precision, self.impl.scale) if dialect.name == "sqlite" else self.impl
        return dialect.type_descriptor(precise)


class exact_sum(GenericFunction):
    """SUM of an ExactDecimal column, exact on every database; 0 where there are no rows."""

    type = ExactDecimal(38, SCALE)
    inherit_cache = True

    def __init__(self, column: ColumnElement[Decimal]):
        super().__init__(column)


@compiles(exact_sum)
def _sum_of_decimals(element: exact_sum, compiler: Any, **kwargs: Any) -> str:
    return f"COALESCE(SUM({compiler.process(element.clauses, **kwargs)}), 0)"


@compiles(exact_sum, "sqlite")
def _sum_of_units(element: exact_sum, compiler: Any, **kwargs: Any) -> str:
    return (
        f"COALESCE(SUM(CAST(ROUND({compiler.process(element.clauses, **kwargs)} * {UNITS}) AS INTEGER)), 0) / {UNITS}.0"
    )


class exact_text(GenericFunction):
    """A decimal as text with all its decimals, written by the database: reading a number back takes Python longer."""

    type = String()
    inherit_cache = True

    def __init__(self, column: ColumnElement[Decimal]):
        super().__init__(column)


@compiles(exact_text)
def _cast(element: exact_text, compiler: Any, **kwargs: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **kwargs)} AS CHAR)"


@compiles(exact_text, "sqlite")
def _printed(element: exact_text, compiler: Any, **kwargs: Any) -> str:
    (column,) = element.clauses
    number = compiler.process(column, **kwargs)
    return f"CASE WHEN {number} IS NOT NULL THEN printf('%.{column.type.impl.scale}f', {number}) END"


def second_text(column: ColumnElement[datetime]) -> ColumnElement[str]:
    """A time as text to the second, `2010-12-01 08:26:00`; left alone, MariaDB adds a fraction."""
    return func.substr(cast(column, String), 1, len("2010-12-01 08:26:00"))


def exact_ratio(numerator: float | None, denominator: float | None, scale: int) -> float | None:
    """numerator ÷ denominator rounded half away from zero to `scale` decimals, as MySQL does; registered in SQLite."""
    if numerator is None or not denominator:
        return None
    ratio = Decimal(str(numerator)) / Decimal(str(denominator))
    return float(ratio.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP))
