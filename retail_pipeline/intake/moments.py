"""From texts to times by the clock that the shop reports by."""

import numpy as np
import pandas as pd
import pyarrow as pa

from retail_pipeline.intake.reasons import Reasons
from retail_pipeline.sources import SourceProfile
from retail_pipeline.sources.dates import pattern_of

EARLIEST, LATEST = pd.Timestamp("1000-01-01"), pd.Timestamp("9999-12-31 23:59:59")
"""What MySQL's DATETIME can hold."""


def moments(
    column: str, values: pd.Series, formats: tuple[str, ...], profile: SourceProfile, reasons: Reasons
) -> pd.Series:
    """The times that the texts are, to the second; null where a text fits no format, or two differently.

    Where the clock is put back, an hour comes twice, and where it is put forward, one never comes: a time in such an
    hour is not converted to another zone's.
    """
    found = pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    ambiguous, unconverted, beyond = np.zeros((3, len(values)), dtype=bool)
    for format in formats:
        fitting = values.where(values.str.fullmatch(pattern_of(format)))
        if fitting.isna().all():
            continue
        has_offset = "%z" in format
        read = pd.to_datetime(fitting, format=format, errors="coerce", utc=has_offset)
        if has_offset or profile.clock != profile.time_zone:  # zones can't be told at the ends of the calendar
            within = read.dt.year.between(2, 9998)
            beyond |= (read.notna() & ~within).to_numpy()
            read = read.where(within)
        if has_offset:
            read = read.dt.tz_convert(profile.clock).dt.tz_localize(None)
        elif profile.clock != profile.time_zone:
            local = read.dt.tz_localize(profile.time_zone, ambiguous="NaT", nonexistent="NaT")
            unconverted |= (read.notna() & local.isna()).to_numpy()
            read = local.dt.tz_convert(profile.clock).dt.tz_localize(None)
        read = read.astype("datetime64[us]").dt.floor("s")
        ambiguous |= (read.notna() & found.notna() & (read != found)).to_numpy()
        found = found.fillna(read)
    impossible = beyond | (found.notna() & ~found.between(EARLIEST, LATEST))
    reasons.add(f"{column}_missing", values == "")
    unknown = found.isna().to_numpy() & ~unconverted & ~beyond
    reasons.add(f"{column}_not_a_date", pd.Series(unknown, index=values.index) & (values != ""))
    reasons.add(f"{column}_ambiguous", pd.Series(ambiguous, index=values.index))
    reasons.add(f"{column}_when_the_clock_changes", pd.Series(unconverted, index=values.index))
    reasons.add(f"{column}_out_of_range", impossible)
    return found.mask(ambiguous | unconverted | impossible).astype(pd.ArrowDtype(pa.timestamp("s")))
