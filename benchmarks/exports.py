"""The exports that are ingested: the UCI Online Retail data where it is at hand, else a made-up export of its size."""

import csv
import lzma
import shutil
import tarfile
from collections import deque
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, islice
from pathlib import Path

import click

from retail_pipeline.demo.sample import HEADER, sample_rows, write_sample

UCI_LINES = 541_909
LINES_PER_ORDER = 16.4  # of the sample, with its returns and bookings
SEED = 2010
INVOICE, WHEN, CUSTOMER = (HEADER.index(name) for name in ("InvoiceNo", "InvoiceDate", "CustomerID"))


@dataclass(frozen=True)
class Exports:
    """The same order lines twice: in one file, and in a file per day."""

    origin: str
    whole: Path
    days: list[Path]


def real(data: Path, folder: Path) -> Exports:
    """The UCI data, unpacked from `data.csv.xz` and `by_day.tar.xz`."""
    for name in ("data.csv.xz", "by_day.tar.xz"):
        if not (data / name).is_file():
            raise click.ClickException(f"{data} holds no {name}")
    whole, days = folder / "data.csv", folder / "days"
    with lzma.open(data / "data.csv.xz") as packed, whole.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    with tarfile.open(data / "by_day.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # Python before 3.11.4 has none
        archive.extractall(days)
    return Exports("UCI Online Retail", whole, sorted(days.glob("*.csv")))


def made_up(folder: Path) -> Exports:
    """The sample, with about as many lines as the UCI data."""
    return cut_by_day(sample_rows(_orders(UCI_LINES), SEED), folder)


def write_lines(path: Path, lines: int) -> None:
    """Writes a sample of about so many lines."""
    write_sample(path, orders=_orders(lines), seed=SEED)


def write_parts(paths: list[Path], lines: int) -> None:
    """Writes a sample of about so many lines into several files, which have no invoice in common."""
    with ExitStack() as closing:
        files = [closing.enter_context(path.open("w", encoding="cp1252", newline="")) for path in paths]
        writers, number = [csv.writer(file) for file in files], 0
        for row in sample_rows(_orders(lines), SEED):
            if row[INVOICE] == HEADER[INVOICE]:
                for writer in writers:
                    writer.writerow(row)
                continue
            number = int(row[INVOICE].lstrip("AC") or number)  # a broken row may lack it
            writers[number % len(paths)].writerow(row)


def cut_by_day(rows: Iterable[list[str]], folder: Path) -> Exports:
    """Writes a sample's rows to one file and, as the daily exports have them, to a file per day.

    Those have ISO dates, and customers like `17850.0`. Rows that can't be dated belong to no day and are in neither.
    """
    whole, days = folder / "whole.csv", folder / "days"
    days.mkdir()
    dated = (row for row in rows if _moment(row))
    with whole.open("w", encoding="cp1252", newline="") as file:
        one = csv.writer(file)
        one.writerow(HEADER)
        for _, day in groupby(dated, lambda row: row[WHEN].split()[0]):
            lines = list(day)
            one.writerows(lines)
            with (days / f"{_moment(lines[0]):%Y-%m-%d}.csv").open("x", encoding="cp1252", newline="") as daily:
                csv.writer(daily).writerows([HEADER, *map(_as_daily, lines)])
    return Exports("a made-up export", whole, sorted(days.glob("*.csv")))


def write_year(whole: Path, path: Path, years_back: int) -> None:
    """Writes the one file's order lines as they would have been some years earlier, with invoice numbers of their own.

    Customers and products stay the same: the same shop, for longer.
    """
    with whole.open(encoding="cp1252", newline="") as file, path.open("w", encoding="cp1252", newline="") as earlier:
        rows, writer = csv.reader(file), csv.writer(earlier)
        writer.writerow(next(rows))
        for row in rows:
            if moment := _moment(row):
                row[WHEN] = f"{moment.month}/{moment.day}/{moment.year - years_back} {moment:%H:%M}"
            row[INVOICE] += f"Y{years_back}" if row[INVOICE] else ""
            writer.writerow(row)


def write_next_day(whole: Path, path: Path, number: int, lines: int = 2000) -> None:
    """Writes so many order lines of the one file as if they were those of the `number`th day after its last one.

    Where the file ends, they are those of its beginning again, with invoice numbers of their own.
    """
    # Never all in memory: what is measured is told the peak of the process that starts it, if that is larger.
    with whole.open(encoding="cp1252", newline="") as file:
        rows = deque(enumerate(csv.reader(file)), maxlen=lines)
    last = max(filter(None, (_moment(row) for _, row in rows)))
    first = number * lines % (rows[-1][0] - lines)
    day = last + timedelta(days=number)
    with (
        whole.open(encoding="cp1252", newline="") as file,
        path.open("w", encoding="cp1252", newline="") as daily,
    ):
        reader, writer = csv.reader(file), csv.writer(daily)
        writer.writerow(next(reader))
        for row in islice(reader, first, first + lines):
            if moment := _moment(row):
                row[WHEN] = f"{day:%Y-%m-%d} {moment:%H:%M:%S}"
            row[INVOICE] += f"D{number}" if row[INVOICE] else ""
            writer.writerow(row)


def _orders(lines: int) -> int:
    return round(lines / LINES_PER_ORDER)


def _moment(row: list[str]) -> datetime | None:
    try:
        return datetime.strptime(row[WHEN], "%m/%d/%Y %H:%M")  # noqa: DTZ007 - the shop's clock
    except ValueError:
        return None


def _as_daily(row: list[str]) -> list[str]:
    changed = row.copy()
    changed[WHEN] = f"{_moment(row):%Y-%m-%d %H:%M:%S}"
    if len(row) > CUSTOMER and row[CUSTOMER].isdigit():
        changed[CUSTOMER] += ".0"
    return changed
