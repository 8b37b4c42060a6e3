"""A measure is defined once: wherever it is shown, it has that definition and, for the same lines, the same value."""

from decimal import Decimal

import dagster as dg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from retail_pipeline.cli import main
from retail_pipeline.definitions import defs
from retail_pipeline.demo.sample import write_sample
from retail_pipeline.errors import BadInput
from retail_pipeline.marts.catalogue import Mart, marts
from retail_pipeline.marts.measures import measures
from retail_pipeline.marts.measuring import Scope, figures, figures_by_load
from retail_pipeline.marts.refresh import refresh
from retail_pipeline.warehouse import Warehouse
from retail_pipeline_tests.exports import ingest, order_line

pytestmark = pytest.mark.database

EVERYTHING = Scope()

KNOWN_CUSTOMERS_ONLY = {
    "mart_customers",
    "mart_customer_months",
    "mart_product_customers",
    "running_customers",
    "running_buyers",
}
PART_OF_ALL = {"mart_customer_cohorts", "mart_revenue_ranks", "mart_concentration"}
"""Marts that leave out some rows of what they measure; their own tests say which."""

WHOLE = {
    "mart_kpis": {"scope_type": "all", "period": "all time"},
    "running_scopes": {"scope_type": "all", "period": "all time"},
    "running_buyers": {"scope_type": "all", "period": "all time"},
}
"""Marts that hold everything several times, and which of their rows hold it once."""


@pytest.fixture
def shop(warehouse: Warehouse, states, tmp_path, export) -> Warehouse:
    """A shop with two loads, of which the later replaces an invoice of the other, and all marts."""

    def fill(warehouse: Warehouse) -> None:
        sample = tmp_path / "sample.csv"
        write_sample(sample, orders=150)
        ingest(warehouse, sample)
        known = sa.text("SELECT MIN(invoice_no) FROM order_lines WHERE customer_id IS NOT NULL")
        with warehouse.reading() as connection:
            invoice = connection.scalar(known)
        ingest(warehouse, export("late.csv", order_line(invoice, quantity=2), order_line("new", country="France")))
        for mart in marts().values():
            refresh(warehouse, mart)

    states.bring(warehouse, fill)
    return warehouse


def value(warehouse: Warehouse, measure: str, scope: Scope = EVERYTHING) -> Decimal | int | None:
    with warehouse.reading() as connection:
        (figure,) = figures(connection, measure, scope)
    return figure.value


def places() -> list[tuple[Mart, str]]:
    """Every column of a mart that shows a measure."""
    return [(mart, column) for mart in marts().values() for column in mart.columns if column in measures()]


def test_every_measure_is_shown_somewhere():
    assert {column for _, column in places()} == {*measures()}


@pytest.mark.parametrize("scope", [Scope(), Scope("Europe"), Scope("United Kingdom", "2011")], ids=str)
def test_every_kpi_is_what_its_definition_gives_over_the_order_lines(shop, scope):
    kpis = marts()["mart_kpis"].table()
    with shop.reading() as connection:
        query = sa.select(kpis).where(kpis.c.scope == scope.place, kpis.c.period == scope.period)
        row = connection.execute(query).mappings().one()
    shown = {name: row[name] for name in measures() if name in row}
    assert shown == {name: value(shop, name, scope) for name in shown}
    assert {*measures()} == {*shown}


def test_every_summable_measure_adds_up_to_its_figure_in_every_mart(shop):
    compared = set()
    for mart, measure in places():
        table = mart.table()
        if not measures()[measure].summable or mart.name in PART_OF_ALL:
            continue
        conditions = [table.c[name] == wanted for name, wanted in WHOLE.get(mart.name, {}).items()]
        with shop.reading() as connection:
            total = sum(connection.scalars(sa.select(table.c[measure]).where(*conditions)), Decimal(0))
            whole = value(shop, measure)
            if mart.name in KNOWN_CUSTOMERS_ONLY:
                guests = sa.text(f"SELECT {measures()[measure].sql} FROM order_lines WHERE customer_id IS NULL")  # noqa: S608
                if measure == "net_revenue":
                    guests = sa.text(
                        "SELECT SUM(amount) FROM order_lines WHERE customer_id IS NULL AND kind <> 'adjustment'"
                    )
                whole -= round(Decimal(str(connection.scalar(guests) or 0)), 4)
        assert total == whole, (mart.name, measure)
        compared.add(mart.name)
    assert {"mart_invoice_days", "mart_orders", "mart_sales_daily", "mart_sales_monthly", "mart_products"} < compared
    assert {"mart_customers", "mart_product_customers", "mart_returns", "mart_returns_monthly"} < compared


def test_every_column_of_a_measure_has_its_definition_in_dagster_and_in_the_database(shop):
    graph = defs.resolve_asset_graph()
    own_words = {
        (mart.name, column)
        for mart, column in places()
        if mart.columns[column].description != measures()[column].definition
    }
    assert own_words == {
        ("mart_customer_cohorts", "orders"),
        ("mart_customer_cohorts", "net_revenue"),
        ("mart_concentration", "net_revenue"),
        ("mart_returns_monthly", "returns_value"),
    }
    for mart, column in places():
        schema = graph.get(dg.AssetKey(mart.name)).metadata["dagster/column_schema"]
        described = next(shown.description for shown in schema.columns if shown.name == column)
        assert described == mart.columns[column].description
        if not shop.is_sqlite:
            with shop.reading() as connection:
                comments = {found["name"]: found["comment"] for found in sa.inspect(connection).get_columns(mart.name)}
            assert comments[column] == described


def test_the_catalogue_of_measures_is_a_table_too(shop):
    table = marts()["mart_measures"].table()
    with shop.reading() as connection:
        rows = {row["measure"]: row for row in connection.execute(sa.select(table)).mappings()}
    assert {*rows} == {*measures()}
    for name, measure in measures().items():
        assert rows[name]["definition"] == measure.definition
        assert rows[name]["label"] == measure.label
        assert rows[name]["computed_by"] == measure.sql
        assert rows[name]["is_summable"] == int(measure.summable)


def test_explain_shows_definition_sql_figure_and_loads(shop):
    for name, measure in measures().items():
        shown = CliRunner().invoke(main, ["explain", name], catch_exceptions=False)
        assert shown.exit_code == 0
        text = " ".join(shown.output.split())
        assert measure.definition in text
        assert measure.sql in text
        assert f"{value(shop, name):,}" in text
        assert "mart_kpis shows the same." in text
        with shop.reading() as connection:
            for load in figures_by_load(connection, name, EVERYTHING):
                assert load.load_id in text


def test_figures_by_load_of_a_summable_measure_add_up(shop):
    with shop.reading() as connection:
        by_load = figures_by_load(connection, "net_revenue", EVERYTHING)
    assert sum(figure.value for figure in by_load) == value(shop, "net_revenue")
    assert len(by_load) == 2


def test_what_cannot_be_explained_is_told_and_nothing_is_guessed(shop):
    for arguments, message in {
        ("turnover",): "there is no measure 'turnover'; there are gross_sales",
        ("orders", "--scope", "Atlantis"): "there are no order lines of Atlantis, all time",
        ("orders", "--period", "March"): "'March' is no period",
    }.items():
        with pytest.raises(BadInput, match=message):
            CliRunner().invoke(main.commands["explain"], arguments, catch_exceptions=False)
