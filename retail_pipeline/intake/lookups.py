"""Second files in which columns of a line are looked up: prices of products, heads of orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from retail_pipeline.errors import BadFile
from retail_pipeline.intake.formats import open_table
from retail_pipeline.intake.inspection import encoding_of
from retail_pipeline.sources import Lookup, SourceProfile

BATCH_ROWS = 50_000


@dataclass(frozen=True)
class LookedUp:
    """A second file, read: texts by order line column, in the order of `keys`."""

    by: str
    keys: pa.Array
    columns: dict[str, pa.Array]

    def find(self, column: str, keys: pa.Array) -> pa.Array:
        """What the second file says for each key; empty where it doesn't have it."""
        places = pc.index_in(pc.utf8_trim_whitespace(keys), self.keys)
        return pc.fill_null(pc.take(self.columns[column], places), "")


def files_beside(path: Path, profile: SourceProfile) -> list[Path]:
    """The second files that lie beside an export, and have to be kept with it."""
    return [beside for lookup in profile.lookups if (beside := path.parent / lookup.file).is_file()]


def looked_up(path: Path, profile: SourceProfile) -> list[LookedUp]:
    """The second files of an export, in memory. Raises BadFile where one is missing or says a key twice."""
    return [_read(_place(path, lookup, profile), lookup, profile.numbers.decimal) for lookup in profile.lookups]


def _place(path: Path, lookup: Lookup, profile: SourceProfile) -> Path:
    for folder in filter(None, (path.parent, profile.folder)):
        if (folder / lookup.file).is_file():
            return folder / lookup.file
    raise BadFile(path.name, f"source {profile.name} looks {lookup.by} up in {lookup.file}, which isn't there")


def _read(path: Path, lookup: Lookup, decimal: str) -> LookedUp:
    keys: list[pa.Array] = []
    columns: dict[str, list[pa.Array]] = {column: [] for column in lookup.columns}
    with open_table(path, lookup, encoding_of(path, lookup.encodings), decimal) as table:
        places = {column: _first_there(path, table.header, names) for column, names in lookup.columns.items()}
        key = _first_there(path, table.header, lookup.key)
        for rows in table.batches(BATCH_ROWS):
            for line, misfit in zip(rows.file_lines, rows.misfit or (), strict=False):
                if misfit:
                    raise BadFile(path.name, misfit.replace("_", " "), line=int(line))
            keys.append(pc.utf8_trim_whitespace(_array(rows.columns[key])))
            for column, name in places.items():
                columns[column].append(_array(rows.columns[name]))
    found = pa.concat_arrays(keys) if keys else pa.array([], pa.string())
    counts = pc.value_counts(pc.filter(found, pc.not_equal(found, "")))
    twice = pc.filter(counts.field("values"), pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise BadFile(path.name, f"says {twice[0].as_py()!r} twice; each row must have its own", column=key)
    arrays = {column: pa.concat_arrays(parts) if parts else found for column, parts in columns.items()}
    return LookedUp(lookup.by, found, arrays)


def _first_there(path: Path, header: Sequence[str], names: str | tuple[str, ...]) -> str:
    wanted = (names,) if isinstance(names, str) else names
    for name in wanted:
        if name in header:
            return name
    raise BadFile(path.name, f"missing; the file has {', '.join(header[:20])}", column=" or ".join(wanted))


def _array(values: Sequence[str] | pa.Array) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, pa.string())
