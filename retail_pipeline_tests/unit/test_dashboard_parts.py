"""What the dashboards promise before they have seen a database: their description, words, charts and shapes."""

import json
from datetime import date, datetime
from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.dashboards import charts, formats, shapes
from retail_pipeline.dashboards.description import FILE, dashboards, described_in, in_words, map_views
from retail_pipeline.dashboards.queries import Answers, Coverage, Selection
from retail_pipeline.dashboards.sentences import SENTENCES, sentences
from retail_pipeline.errors import BadInput
from retail_pipeline.warehouse.geography import country_rows

GBP = Selection("GBP")
COVERAGE = Coverage(date(2010, 12, 1), date(2011, 12, 9), datetime(2011, 12, 10))  # noqa: DTZ001, UTC as the ledger keeps it


def mutated(tmp_path, change) -> str:
    """The message with which dashboards.yaml is refused after a change."""
    content = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    change(content)
    path = tmp_path / "dashboards.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(BadInput) as refused:
        described_in(path)
    return str(refused.value)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c["sales"]["sheets"][0].update(mart="mart_sale"), "there is no mart 'mart_sale'"),
        (
            lambda c: c["sales"]["sheets"][0].update(measures=["turnover"]),
            "mart_sales_monthly has no column 'turnover'",
        ),
        (lambda c: c["sales"]["sheets"][0].update(measures=["customers"]), "customers can't be added up"),
        (lambda c: c["sales"]["sheets"][0].update(chart="pie"), "sales.sheets.0.chart"),
        (lambda c: c["sales"]["sheets"][0].update(order=["country"]), "country is in axis or order"),
        (
            lambda c: c["sales"]["sheets"][0].update(
                by=["month"], mart="mart_returns_monthly", measures=["gross_sales"]
            ),
            "has no region",
        ),
        (lambda c: c["sales"]["figures"][0].update(column="profit"), "mart_kpis has no column 'profit'"),
        (lambda c: c["customers"].update(filter="region"), "customers.filter"),
    ],
)
def test_a_description_that_the_marts_contradict_is_refused_with_its_place(tmp_path, change, told):
    assert told in mutated(tmp_path, change)


def test_every_sentence_is_said_on_some_dashboard_and_every_one_there_exists():
    said = [name for dashboard in dashboards().values() for name in dashboard.says]
    assert sorted(said) == sorted(SENTENCES)


def test_definitions_are_told_in_words():
    assert in_words("returns_value divided by gross_sales.") == "Returns divided by gross sales."
    for dashboard in dashboards().values():
        for figure in dashboard.figures:
            assert "_" not in figure.definition


@pytest.mark.parametrize(
    ("value", "type_", "currency", "text"),
    [
        (Decimal("9792708.8850"), "money", "GBP", "£9,792,708.89"),
        (Decimal("-25.5"), "money", "GBP", "-£25.50"),
        (Decimal("1234.5"), "money", "JPY", "JP¥1,235"),
        (Decimal("0.046607"), "ratio", "GBP", "4.7%"),
        (Decimal("5590981.000"), "units", "GBP", "5,590,981"),
        (Decimal("4.246"), "units", "GBP", "4.246"),
        (Decimal("100"), "units", "GBP", "100"),
        (19776, "count", "GBP", "19,776"),
        (None, "money", "GBP", "–"),
        (date(2011, 12, 1), "date", "GBP", "Dec 2011"),
    ],
)
def test_values_are_shown_as_people_write_them(value, type_, currency, text):
    assert formats.shown(value, type_, currency) == text


@given(st.decimals(-(10**14), 10**14, places=4), st.sampled_from(["GBP", "EUR", "KWD"]))
def test_money_on_the_screen_is_the_decimal_and_never_passed_through_a_float(value, currency):
    text = formats.money(value, currency)
    digits = Decimal("".join(sign for sign in text if sign.isdigit() or sign == "."))
    places = 3 if currency == "KWD" else 2
    assert digits == round(abs(value) + Decimal("1e-9"), places)


def month_row(month: str, revenue: str, days: int = 30, partial: int = 0) -> dict:
    return {
        "month": date.fromisoformat(month),
        "net_revenue": Decimal(revenue),
        "days_covered": days,
        "is_partial": partial,
    }


def answers(rows: list[dict], **kpis) -> Answers:
    """What the sales overview would show."""
    return Answers(GBP, COVERAGE, {}, {"revenue_by_month": rows, "revenue_map": []}, kpis)


def test_the_last_whole_month_is_compared_with_the_month_and_the_year_before():
    rows = [month_row("2010-11-01", "3000"), month_row("2011-10-01", "3000"), month_row("2011-11-01", "4500")]
    told = sentences(answers([*rows, month_row("2011-12-01", "9", 9, 1)]), ("what_changed_last", "what_is_partial"))
    assert told == [
        "A day of Nov 2011, the last whole month, was 50.0% above Oct 2011 and 50.0% above the same month a year "
        "before.",
        "Not comparable as a whole: Dec 2011 holds 9 of 31 days (£1 a day).",
    ]


def test_seasons_are_told_from_whole_months_alone_and_only_where_there_are_enough():
    months = [month_row(f"2011-{number:02}-01", str(3000 * number)) for number in range(1, 7)]
    (told,) = sentences(answers([*months, month_row("2011-07-01", "1", 1, 1)]), ("how_seasonal_it_is",))
    assert told == (
        "The strongest whole month was Jun 2011 with £600 a day, the weakest Jan 2011 with £100: 6.0 times as much."
    )
    assert sentences(answers(months[1:]), ("how_seasonal_it_is",)) == []


def test_a_selection_without_sales_says_so_and_nothing_else():
    names = dashboards()["sales"].says
    assert sentences(answers([]), names) == ["Nothing was sold there in that period."]


amounts = st.decimals(-(10**9), 10**9, places=4)


@given(st.lists(st.tuples(st.dates(date(2000, 1, 1), date(2030, 1, 1)), amounts, st.booleans()), max_size=30), amounts)
def test_whatever_the_figures_are_the_sentences_can_be_said(months, amount):
    """Nothing divides by zero, whatever came back and however short the data is."""
    found = {
        day.replace(day=1): month_row(day.replace(day=1).isoformat(), str(revenue), 30, int(partial))
        for day, revenue, partial in months
    }
    places = [
        {"country": f"Land {place}", "net_revenue": row["net_revenue"]} for place, row in enumerate(found.values())
    ]
    shown = Answers(GBP, COVERAGE, {}, {"revenue_by_month": list(found.values()), "revenue_map": places}, {})
    for told in sentences(shown, dashboards()["sales"].says):
        assert told.endswith(".")


def test_a_chart_is_one_view_whose_marks_say_what_they_show():
    (sheet,) = (sheet for sheet in dashboards()["sales"].sheets if sheet.name == "revenue_by_month")
    spec = charts.chart(sheet, [month_row("2011-12-01", "441328.51", 9, 1)], GBP, {})
    assert not {"hconcat", "vconcat", "concat", "repeat"} & {*spec}
    assert spec["data"]["values"][0]["tip"] == "Dec 2011: £441,328.51 (9 days only)"
    drawn = charts.svg(spec | {"width": 300}, "months")
    assert 'aria-label="Dec 2011: £441,328.51 (9 days only)"' in drawn
    assert "http" not in drawn.replace("http://www.w3.org/", "")


def test_every_country_that_iso_knows_and_the_map_has_is_found_by_its_code_and_small_ones_get_a_circle():
    codes = {feature["properties"]["iso2"] for feature in shapes.world()}
    of_the_data = {"GB", "NL", "IE", "DE", "FR", "MT", "SG", "BH", "HK", "JE", "CY", "IS", "ZA", "US", "AE", "CZ", "SA"}
    assert of_the_data <= codes
    assert {"MT", "SG", "BH", "HK", "JE"} <= {*shapes.small_countries()}
    assert not {"GB", "FR", "CZ"} & {*shapes.small_countries()}
    assert len(codes & {row["iso2"] for row in country_rows()}) > 230


def test_no_outline_covers_the_globe():
    import vl_convert

    features = [{"f": feature} for feature in shapes.world()]
    area = {"type": "formula", "as": "area", "expr": "geoArea(null, datum.f) > 1 ? datum.f.properties.iso2 : ''"}
    text = {"type": "text", "encode": {"enter": {"text": {"field": "area"}}}, "from": {"data": "d"}}
    spec = {"data": [{"name": "d", "values": features, "transform": [area]}], "marks": [text]}
    drawn = vl_convert.vega_to_svg(spec)
    assert [code for code in shapes.world() if f">{code['properties']['iso2']}<" in drawn] == []


def test_maps_look_at_regions_that_exist():
    assert {*map_views()} <= {row["region"] for row in country_rows()}


def test_charts_can_be_put_into_a_page_whatever_a_product_is_called():
    (sheet,) = (sheet for sheet in dashboards()["customers"].sheets if sheet.name == "top_customers")
    row = {"customer_id": "</script><b>", "net_revenue": Decimal(1), "country": "X", "segment": "Y", "orders": 1}
    from retail_pipeline.dashboards.pages import _sheet, _templates

    shown = _sheet(sheet, [row | {"source": "s"}], GBP, with_script=True)
    template = _templates().from_string('{% from "part.html.j2" import dashboard %}{{ dashboard(part) }}')
    html = template.render(part={"name": "p", "figures": [], "sentences": [], "sheets": [shown]})
    assert "<b>" not in html
    assert html.count("</script>") == 1
    assert "</script><b>" in json.dumps(shown["spec"])
    drawn = _sheet(sheet, [row | {"source": "s"}], GBP, with_script=False)
    html = template.render(part={"name": "p", "figures": [], "sentences": [], "sheets": [drawn]})
    assert "<svg" in html
    assert "<b>" not in html
    assert "</script>" not in html


def test_customers_of_two_sources_with_one_number_have_a_bar_each():
    (sheet,) = (sheet for sheet in dashboards()["customers"].sheets if sheet.name == "top_customers")
    row = {"customer_id": "17850", "net_revenue": Decimal(1), "country": "X", "segment": "Y", "orders": 1}
    spec = charts.chart(sheet, [row | {"source": "shop"}, row | {"source": "till"}], GBP, {})
    assert [value["axis"] for value in spec["data"]["values"]] == ["17850 shop", "17850 till"]
