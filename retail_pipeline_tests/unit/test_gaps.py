"""Days on which sales are missing, told from a shop's own habits."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_pipeline.quality.gaps import DAY, country_of, gaps

FIRST, LAST = date(2010, 12, 1), date(2011, 12, 9)
CHRISTMAS = {date(2010, 12, 24) + number * DAY for number in range(11)}
UK_HOLIDAYS = {date(2011, month, day) for month, day in [(4, 22), (4, 24), (4, 25), (4, 29), (5, 2), (5, 30), (8, 29)]}


def days(first: date = FIRST, last: date = LAST) -> set[date]:
    return {first + number * DAY for number in range((last - first).days + 1)}


ONLINE_RETAIL = {day for day in days() if day.isoweekday() != 6} - CHRISTMAS - UK_HOLIDAYS
"""The days on which UCI's Online Retail has sales: no Saturday, no public holiday, nothing around New Year."""


def told(*arguments, **named) -> list[str]:
    return [str(gap) for gap in gaps(*arguments, **named)]


def test_a_shop_that_is_closed_on_saturdays_and_holidays_misses_nothing_but_the_week_after_christmas():
    assert len(ONLINE_RETAIL) == 305
    assert told(ONLINE_RETAIL, country_of("Europe/London")) == ["2010-12-24 to 2010-12-31 (4 days)"]


@pytest.mark.parametrize("day", [date(2011, 6, 14), date(2011, 6, 12), date(2011, 4, 21), date(2011, 12, 8)])
def test_a_day_without_its_file_is_named(day):
    assert str(day) in told(ONLINE_RETAIL - {day}, "GB")


def test_a_week_without_files_is_one_gap():
    week = days(date(2011, 7, 4), date(2011, 7, 10))
    assert told(ONLINE_RETAIL - week, "GB")[1:] == ["2011-07-04 to 2011-07-10 (6 days)"]


def test_a_shop_that_changed_its_weekdays_misses_nothing():
    until_june = {day for day in days(last=date(2011, 5, 31)) if day.isoweekday() < 6}
    from_june = {day for day in days(first=date(2011, 6, 1)) if day.isoweekday() in (2, 3, 4, 6)}
    found = gaps(until_june | from_june)
    assert sum(gap.days for gap in found) <= 4  # until the new habit shows, on two weekdays


def test_a_weekly_shop_misses_its_day():
    mondays = {day for day in days() if day.isoweekday() == 1}
    assert told(mondays - {date(2011, 3, 14)}) == ["2011-03-14"]


def test_files_that_stop_coming_are_missed_for_a_month():
    until = LAST + 6 * DAY
    assert told(ONLINE_RETAIL, "GB", until=until)[1:] == ["2011-12-11 to 2011-12-14 (4 days)"]
    assert told(ONLINE_RETAIL, "GB", until=LAST + timedelta(days=40))[1:] == []
    assert told(ONLINE_RETAIL, "GB", until=LAST)[1:] == []


@given(st.sets(st.dates(date(2020, 1, 1), date(2020, 6, 30))), st.sampled_from([None, "GB", "US", "XX"]))
def test_gaps_lie_between_days_of_sales_and_never_on_one(sold, country):
    found = gaps(sold, country)
    for gap in found:
        assert min(sold) < gap.first <= gap.last < max(sold)
        assert not sold & days(gap.first, gap.last)
        assert 1 <= gap.days <= (gap.last - gap.first).days + 1
    for one, next_one in pairwise(found):
        assert sold & days(one.last, next_one.first)
