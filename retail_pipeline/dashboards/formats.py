"""How values are shown to people: in English, money in its currency's own manner."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from babel.numbers import format_currency, get_currency_precision, get_currency_symbol

LOCALE = "en_GB"
NOTHING = "–"


def shown(value: Any, type_: str, currency: str) -> str:
    """A value of a catalogue type as people read it, exact to the decimals that are shown."""
    if value is None:
        return NOTHING
    if type_ == "money":
        return money(value, currency)
    if type_ == "ratio":
        return percent(value)
    if type_ in ("count", "units", "decimal"):
        return number(value)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return month(value) if isinstance(value, date) and value.day == 1 else str(value)


def money(value: Decimal, currency: str) -> str:
    """An amount with the decimals that its currency has."""
    exact = value.quantize(Decimal(1).scaleb(-get_currency_precision(currency)), ROUND_HALF_UP)
    return format_currency(exact, currency, locale=LOCALE)


def whole_money(value: Decimal, currency: str) -> str:
    """An amount to the nearest unit of its currency, for sentences."""
    whole = value.quantize(Decimal(1), ROUND_HALF_UP)
    return format_currency(whole, currency, locale=LOCALE, format="¤#,##0", currency_digits=False)


def sign(currency: str) -> str:
    """A currency's sign, or its code where it has none."""
    return get_currency_symbol(currency, locale=LOCALE)


def number(value: Decimal | int) -> str:
    """A number without zeros behind the point."""
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(value: Decimal) -> str:
    """A ratio as a percentage with one decimal."""
    return f"{(value * 100).quantize(Decimal('0.1'), ROUND_HALF_UP):,}%"


def month(value: date) -> str:
    """A month, as in Nov 2011."""
    return f"{value:%b %Y}"


def day(value: date) -> str:
    """A day, as in 9 December 2011."""
    return f"{value.day} {value:%B %Y}"
