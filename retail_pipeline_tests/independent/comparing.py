"""Telling where two tables differ."""

import pandas as pd


def differences(expected: pd.DataFrame, actual: pd.DataFrame, grain: list[str]) -> list[str]:
    """Where two tables differ, whatever the order of their rows: the first 20 places by row and column."""
    columns = list(expected.columns)
    if uneven := sorted({*columns} ^ {*actual.columns}):
        return [f"columns that only one side has: {', '.join(uneven)}"]
    found: list[str] = []
    sides: dict[str, dict[str, dict]] = {"expected": {}, "actual": {}}
    for side, table in (("expected", expected[columns]), ("actual", actual[columns])):
        for values in table.astype(object).where(table.notna(), None).itertuples(index=False, name=None):
            row = dict(zip(columns, values, strict=True))
            key = ", ".join(f"{name} {row[name]!s}" for name in grain)
            if key in sides[side]:
                found.append(f"{key}: more than one row in {side}")
            sides[side][key] = row
    for key in sides["expected"] | sides["actual"]:
        wanted, given = sides["expected"].get(key), sides["actual"].get(key)
        if wanted is None or given is None:
            found.append(f"{key}: {'unexpected' if wanted is None else 'missing'}")
            continue
        for name, value in wanted.items():
            if given[name] != value or isinstance(given[name], float):  # a float that happens to be equal is wrong too
                found.append(f"{key}: {name}: expected {value!s}, actual {given[name]!s}")
    return found[:20]
