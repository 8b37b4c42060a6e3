"""Days on which a shop should have sold something by its own habits, and didn't: what a file that never came leaves."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import sqlalchemy as sa

from retail_pipeline.marts.catalogue import marts
from retail_pipeline.sources import SourceCatalogue
from retail_pipeline.warehouse import ledger

DAY = timedelta(days=1)

WEEKS, SHARE, AT_LEAST = 8, 0.75, 4
"""A weekday is usual where the shop sold on that share of it, so many weeks before and after, of this many known."""

ENDED_AFTER = 31 * DAY
"""A shop that sold nothing for so long has no habits any more: nobody waits for its files."""

SENDS_WITHIN = 7 * DAY
"""A shop whose file landed so soon after its last sale sends files as it goes: more should come."""


@dataclass(frozen=True)
class Gap:
    """A stretch in which nothing was sold; `days` counts those on which something should have been."""

    first: date
    last: date
    days: int

    def __str__(self) -> str:
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last} ({self.days} days)"


def gaps(sold: Collection[date], country: str | None = None, until: date | None = None) -> list[Gap]:
    """The gaps among the days on which a shop sold something, in order.

    `country` (ISO 3166-1 alpha-2) says which days are public holidays, on which nothing is expected. `until` is the
    day after the last one that should be there, for a shop that still sends files: without it, gaps lie between days.
    """
    if not sold:
        return []
    first, last = min(sold), max(sold)
    end = last if until is None or until - last > ENDED_AFTER else max(last, until - DAY)
    holidays = public_holidays(country, first.year, end.year)

    def is_usual(day: date) -> bool:
        """Whether the shop sold something on most of the same weekdays around, as far as those are known."""
        around = (day + number * 7 * DAY for number in range(-WEEKS, WEEKS + 1) if number)
        known = [other in sold for other in around if first <= other <= last and other not in holidays]
        return day not in holidays and len(known) >= AT_LEAST and sum(known) >= SHARE * len(known)

    def is_bridge(day: date) -> bool:
        """Whether it lies between closed days of which one is a holiday, as Easter Sunday does."""
        beside = {day - DAY, day + DAY}
        return not any(other in sold or is_usual(other) for other in beside) and bool(holidays & beside)

    missing = [day for day in _days(first, end) if day not in sold and is_usual(day) and not is_bridge(day)]
    return _stretches(missing, sold)


def gaps_by_source(connection: sa.Connection, sources: SourceCatalogue) -> dict[str, list[Gap]]:
    """The gaps of each source that has any, as mart_invoice_days shows its sales."""
    days = marts()["mart_invoice_days"].table()
    query = sa.select(days.c.source, days.c.invoice_date).where(days.c.order_key.is_not(None)).distinct()
    sold: dict[str, set[date]] = {}
    for source, day in connection.execute(query):
        sold.setdefault(source, set()).add(day)
    sending = {
        entry["source"]
        for entry in ledger.entries(connection)
        if entry["last_invoice_date"] and entry["landed_at"].date() - entry["last_invoice_date"] <= SENDS_WITHIN
    }
    today = ledger.now().date()
    countries = {profile.name: country_of(profile.clock) for profile in sources}
    found = {
        source: gaps(of_source, countries.get(source), today if source in sending else None)
        for source, of_source in sold.items()
    }
    return {source: of_source for source, of_source in found.items() if of_source}


@cache
def public_holidays(country: str | None, first_year: int, last_year: int) -> frozenset[date]:
    """The public holidays of a country, those of its regions included; none where nobody knows them."""
    import holidays

    regions = holidays.list_supported_countries().get(country or "")
    if regions is None:
        return frozenset()
    years = range(first_year, last_year + 1)
    found = (holidays.country_holidays(country, subdiv=region, years=years) for region in (None, *regions))
    return frozenset(day for calendar in found for day in calendar)


def country_of(time_zone: str) -> str | None:
    """The country that a time zone is named for; None for UTC and others of no country."""
    from babel.core import get_global

    return get_global("zone_territories").get(time_zone)


def _days(first: date, last: date) -> Iterable[date]:
    return (first + number * DAY for number in range((last - first).days + 1))


def _stretches(missing: list[date], sold: Collection[date]) -> list[Gap]:
    found: list[Gap] = []
    for day in missing:
        if found and not any(between in sold for between in _days(found[-1].last, day)):
            found[-1] = Gap(found[-1].first, day, found[-1].days + 1)
        else:
            found.append(Gap(day, day, 1))
    return found
