"""Proposes a profile for a file of an unknown kind, from its header and values, and says how sure it is of what."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pandas as pd
import yaml

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats import open_table
from retail_pipeline.intake.formats.delimited import delimiter_of
from retail_pipeline.intake.formats.kinds import BINARY
from retail_pipeline.intake.inspection import encoding_of
from retail_pipeline.sources import FURTHER_COLUMNS, RAW_COLUMNS, Layout
from retail_pipeline.sources.dates import pattern_of

ENCODINGS = ("utf-8", "cp1252")
SAMPLE_ROWS = 20_000
"""Rows that are looked at: enough for both of 1/2 and 13/2 to come up in any month's export."""


NAMES = {
    "invoice_no": r"invoice|order|receipt|transaction|bestell|rechnung|beleg|facture|commande|pedido|bon",
    "product_code": r"sku|stock.?code|product.?code|item.?(code|no|number)|article|artikel|ean|upc|asin|code",
    "description": r"desc|product.?name|item.?name|title|bezeichnung|name|item|libell",
    "quantity": r"qty|quantity|units|pieces|menge|anzahl|st.ck|quantit|cantidad|aantal",
    "invoiced_at": r"date|time|created|datum|zeit|fecha|when|sold.?at",
    "unit_price": r"unit.?price|price|preis|prix|precio|prijs|rate|cost",
    "line_total": r"line.?total|total|net.?sales|amount|betrag|summe|gesamt|montant|importe",
    "customer_id": r"customer|client|buyer|member|email|kunde|kunden|cliente|klant",
    "country": r"country|land|pays|pais|nation|ship.?country",
    "discount": r"discount|rebate|rabatt|remise|promotion",
    "tax": r"\btax|\bvat\b|mwst|ust\b|\btva\b|\bgst\b|\biva\b",
    "currency": r"currency|w.hrung|devise|moneda",
    "status": r"status|state|event.?type",
}
"""What columns are called, by what they may be."""

REQUIRED = ("invoice_no", "product_code", "quantity", "invoiced_at", "unit_price")

DATE_PARTS = (
    "%Y-%m-%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%d/%m/%y",
    "%m/%d/%y",
)
TIME_PARTS = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", "T%H:%M:%S%z", " %H:%M:%S %z", " %I:%M %p")

PLAIN, GERMAN = r"[+-]?\d+(\.\d+)?", r"[+-]?\d{1,3}(\.\d{3})*,\d+|[+-]?\d+,\d+"
ENGLISH = r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?"
SIGN = r"^[+-]?\s*([$€£¥]|[A-Z]{3})|([$€£¥]|[A-Z]{3})$"


@dataclass(frozen=True)
class Column:
    """A column of the file, with the values of the sample that say something."""

    name: str
    values: pd.Series

    def share(self, pattern: str) -> float:
        """How many of the values are of a form."""
        return float(self.values.str.fullmatch(pattern).mean()) if len(self.values) else 0.0

    @property
    def examples(self) -> str:
        return ", ".join(repr(value) for value in islice(dict.fromkeys(self.values), 3))


@dataclass(frozen=True)
class Guess:
    """What a column may be, from 0 to 1, and why."""

    column: Column
    points: float
    why: str

    @property
    def sure(self) -> str:
        return "sure" if self.points >= 0.85 else "likely" if self.points >= 0.6 else "unsure"


@dataclass(frozen=True)
class Dates:
    """In which formats the dates are; `open_question` where values don't tell day and month apart."""

    formats: list[str]
    open_question: str = ""


def propose(path: Path) -> str:
    """A source profile as YAML text. Raises BadFile where the file is none that can be read."""
    encoding = encoding_of(path, ENCODINGS)
    layout = Layout(delimiter=delimiter_of(path, encoding)) if encoding not in BINARY else Layout()
    header, columns, rows, is_typed = _sample(path, layout, encoding)
    guesses = _assigned(columns)
    chosen = {role: guess.column for role, guess in guesses.items()}
    dates = Dates([]) if is_typed else _dates(chosen.get("invoiced_at"))
    if dates.open_question and (told := _told_apart(path, layout, encoding, chosen["invoiced_at"].name, dates.formats)):
        dates = Dates([told])
    return "\n".join(
        [
            f"# Proposed from the first {rows:,} rows of {path.name}. Read it, try it with `retail sources check "
            "--source THIS.yaml`, then put it into the folder of your sources.",
            "# TODO marks what the file can't tell: until it is answered, this is no profile.",
            f"name: {_profile_name(path)}",
            f"description: {_quoted(f'Like {path.name}.')}",
            *([] if encoding in BINARY else _layout_lines(layout, encoding)),
            "columns:",
            *_column_lines(guesses, header),
            *_number_lines(chosen),
            *_date_lines(dates, is_typed),
            "time_zone: TODO  # where the shop's clock is, such as Europe/London: no file says it",
            *_currency_lines(chosen),
            *_cancellation_lines(chosen),
            *_status_lines(chosen),
            "overlap: replace  # append, where an export cuts invoices in two",
            "repeats: keep  # drop, where a line that repeats another exactly is a slip",
            "",
        ]
    )


def _sample(path: Path, layout: Layout, encoding: str) -> tuple[list[str], list[Column], int, bool]:
    with open_table(path, layout, encoding) as table:
        twice = [name for name, count in Counter(table.header).items() if count > 1]
        if twice:
            raise BadFile(path.name, "the header has this name twice", line=table.header_line, column=twice[0])
        rows = next(table.batches(SAMPLE_ROWS), None)
        texts = {name: pd.Series(rows.columns[name] if rows else [], dtype="str") for name in table.header}
        columns = []
        for name, values in texts.items():
            trimmed = values.str.strip()
            columns.append(Column(name, trimmed[trimmed != ""]))
        return table.header, columns, len(rows.file_lines) if rows else 0, table.has_typed_dates


def _assigned(columns: Sequence[Column]) -> dict[str, Guess]:
    """The best column for each order line column, the surest first; no column twice."""
    guesses = sorted(
        ((guess, role) for role in NAMES for column in columns if (guess := _guess(role, column)).points > 0.3),
        key=lambda pair: -pair[0].points,
    )
    taken: dict[str, Guess] = {}
    for guess, role in guesses:
        if role not in taken and guess.column not in [other.column for other in taken.values()]:
            taken[role] = guess
    return taken


def _guess(role: str, column: Column) -> Guess:
    named = re.search(NAMES[role], column.name, re.IGNORECASE)
    exactly = named and len(named[0]) >= 0.6 * len(column.name)
    by_name = 0.55 if exactly else 0.4 if named else 0.0
    fits, form = _fit(role, column)
    if not len(column.values):
        return Guess(column, by_name * 0.6, "by its name alone, for it is empty")
    if role in ("unit_price", "line_total", "discount", "tax", "quantity", "invoiced_at") and fits < 0.3:
        return Guess(column, 0, "")
    if role == "unit_price" and not re.search("unit|each|st.ck", column.name, re.IGNORECASE):
        by_name, form = by_name - 0.2, f"{form} (of a unit, or of the whole line? then it is line_total)"
    why = f"{'its name' if named else 'nothing in its name'}, and {form}: {column.examples}"
    return Guess(column, by_name + 0.45 * fits if named else 0.3 * fits, why)


def _fit(role: str, column: Column) -> tuple[float, str]:
    """How far the values look like what a role needs, from 0 to 1."""
    number = column.share(f"({PLAIN}|{GERMAN}|{ENGLISH})") or column.share(
        rf"[^\d]{{0,4}}({PLAIN}|{ENGLISH}|{GERMAN}).{{0,4}}"
    )
    distinct = column.values.nunique() / max(1, len(column.values))
    if role == "quantity":
        return column.share(r"[+-]?\d{1,5}([.,]0*)?"), "whole numbers"
    if role in ("unit_price", "line_total", "discount", "tax"):
        return number, "amounts"
    if role == "invoiced_at":
        return column.share(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*"), "dates"
    if role == "currency":
        return column.share(r"[A-Za-z]{3}"), "three letters"
    if role == "country":
        return column.share(r"\D{2,60}") * (distinct < 0.5), "few different words"
    if role == "description":
        return column.share(r"(?=.*[A-Za-z]).{3,}"), "texts"
    if role == "invoice_no":
        return column.share(r"\S{1,40}") * (distinct < 1), "codes that repeat"
    if role == "status":
        return column.share(r"\D{2,40}") * (column.values.nunique() <= 20), "few different words"
    return column.share(r"\S.{0,60}"), "codes"


def _dates(column: Column | None) -> Dates:
    """All formats that the values need; where day and month can't be told apart, both, and the question."""
    if column is None or not len(column.values):
        return Dates([])
    fitting: dict[str, pd.Series] = {}
    for day in DATE_PARTS:
        for time in TIME_PARTS:
            matches = column.values.str.fullmatch(pattern_of(day + time))
            if matches.any():
                read = pd.to_datetime(column.values.where(matches), format=day + time, errors="coerce", utc=True)
                if read.notna().any():
                    fitting[day + time] = read.notna()
    if not fitting:
        return Dates([])
    whole = [format for format, reads in fitting.items() if reads.all()]
    swapped = [format for format in whole if _swapped(format) in whole]
    if swapped:
        return Dates(sorted(swapped), f"{column.examples} can be read with the day first and with the month first")
    if whole:
        return Dates(whole[:1])
    left, formats = pd.Series(True, index=column.values.index), []
    for format, reads in sorted(fitting.items(), key=lambda item: -int(item[1].sum())):
        if (left & reads).any():
            formats.append(format)
            left &= ~reads
    mixed = [format for format in formats if _swapped(format) in fitting]
    problem = "some dates have the day first and others the month first" if len(mixed) > 1 else ""
    return Dates(formats, problem)


def _told_apart(path: Path, layout: Layout, encoding: str, name: str, formats: Sequence[str]) -> str | None:
    """The one of the formats in which all dates of the whole file can be read, if it is one."""
    left = list(formats)
    with open_table(path, layout, encoding) as table:
        for rows in table.batches(SAMPLE_ROWS):
            values = pd.Series(rows.columns[name], dtype="str").str.strip()
            values = values[values != ""].drop_duplicates()
            left = [
                format
                for format in left
                if pd.to_datetime(values, format=format, errors="coerce", utc=True).notna().all()
            ]
            if not left:
                return None
    return left[0] if len(left) == 1 else None


def _swapped(format: str) -> str:
    return format.replace("%d", "%?").replace("%m", "%d").replace("%?", "%m") if format[:2] in ("%d", "%m") else ""


def _column_lines(guesses: dict[str, Guess], header: Iterable[str]) -> list[str]:
    lines = []
    has_money = "unit_price" in guesses or "line_total" in guesses
    for role in (*RAW_COLUMNS, *FURTHER_COLUMNS):
        if role in guesses:
            guess = guesses[role]
            doubt = "" if guess.sure == "sure" else "TODO confirm: "
            needless = role in ("discount", "tax", "line_total") and "unit_price" in guesses
            mark = "# " if needless or (guess.sure == "unsure" and role not in REQUIRED) else ""
            lines.append(f"  {mark}{role}: {_quoted(guess.column.name)}  # {doubt}{guess.sure}: {_one_line(guess.why)}")
        elif role in REQUIRED and not (role == "unit_price" and has_money):
            lines.append(
                f"  {role}: TODO  # no column looks like it; the file has {_one_line(', '.join(header)[:200])}"
            )
    return lines


def _layout_lines(layout: Layout, encoding: str) -> list[str]:
    return [f"delimiter: {_quoted(layout.delimiter)}", f"encodings: [{encoding}]"]


def _number_lines(chosen: dict[str, Column]) -> list[str]:
    money = [chosen[role] for role in ("unit_price", "line_total") if role in chosen]
    if not money:
        return []
    found = money[0]
    signs = sorted({next(filter(None, match)) for value in found.values for match in re.findall(SIGN, value)})
    bare = Column(found.name, found.values.str.replace(SIGN, "", regex=True).str.strip())
    german, english = bare.share(GERMAN), bare.share(ENGLISH)
    said = []
    if german and not english:
        said.append('decimal: ","')
        if bare.values.str.contains(r"\.\d{3},", regex=True).any():
            said.append('thousands: "."')
    elif english and not german:
        said.append('thousands: ","')
    elif english and german:
        said.append("decimal: TODO")
    if signs:
        said.append("signs: [" + ", ".join(map(_quoted, signs)) + "]")
    return [f"numbers: {{{', '.join(said)}}}  # from {_one_line(found.examples)}"] if said else []


def _date_lines(dates: Dates, is_typed: bool) -> list[str]:
    if is_typed:
        return ['date_formats: ["%Y-%m-%d %H:%M:%S"]  # dates that the file stores as dates need none']
    if not dates.formats:
        return ["date_formats: TODO  # no format that is known fits; strptime's directives, such as %d.%m.%Y"]
    formats = ", ".join(map(_quoted, dates.formats))
    if dates.open_question:
        return [f"date_formats: TODO  # one of [{formats}]: {_one_line(dates.open_question)}"]
    return [f"date_formats: [{formats}]  # all dates of the sample fit"]


def _currency_lines(chosen: dict[str, Column]) -> list[str]:
    found = sorted(set(chosen["currency"].values.str.upper())) if "currency" in chosen else []
    if len(found) == 1 and re.fullmatch("[A-Z]{3}", found[0]):
        return [f"currency: {found[0]}  # all rows say so"]
    hint = f"; the file has {', '.join(found[:5])}, and a profile is for one of them" if found else ""
    return [f"currency: TODO  # ISO 4217, such as EUR{hint}"]


def _cancellation_lines(chosen: dict[str, Column]) -> list[str]:
    if "invoice_no" not in chosen or "quantity" not in chosen:
        return []
    invoices, quantities = chosen["invoice_no"].values, chosen["quantity"].values
    negative = invoices[invoices.index.isin(quantities.index[quantities.str.startswith("-")])]
    prefixes = Counter(match[0] for value in negative if (match := re.match(r"[A-Za-z]+", value)))
    for prefix, count in prefixes.most_common(1):
        others = invoices[~invoices.index.isin(negative.index)]
        if count >= 0.5 * len(negative) and not others.str.startswith(prefix).any():
            return [
                f"cancellation: {{invoice_prefix: {_quoted(prefix)}}}  # TODO confirm: likely, {count:,} rows with a "
                f"negative quantity have it and none with a positive one"
            ]
    return ["# cancellation: {invoice_prefix: C}  # a negative quantity is a return in any case"]


def _status_lines(chosen: dict[str, Column]) -> list[str]:
    if "status" not in chosen:
        return []
    found = ", ".join(map(_quoted, sorted(set(chosen["status"].values))[:20]))
    return [f"# not_sold: [...]  # TODO which of these mean that nothing was sold: {_one_line(found)}"]


def _profile_name(path: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", path.name.partition(".")[0].lower()).strip("_")
    return (name if re.match("[a-z]", name) else f"shop_{name}")[:64]


def _quoted(text: str) -> str:
    """A text as a YAML scalar on one line."""
    return yaml.dump(text, default_style='"', width=10**6, allow_unicode=True).strip()


def _one_line(text: str) -> str:
    return " ".join(text.split())
