"""Which date formats a profile may name, and exactly which texts fit one."""

import re

DIRECTIVES = {
    "%Y": r"\d{4}",
    "%y": r"\d{2}",
    "%m": r"\d{1,2}",
    "%b": r"[A-Za-z]+",
    "%B": r"[A-Za-z]+",
    "%d": r"\d{1,2}",
    "%H": r"\d{1,2}",
    "%I": r"\d{1,2}",
    "%p": r"[AaPp][Mm]",
    "%M": r"\d{1,2}",
    "%S": r"[0-5]?\d",
    "%f": r"\d{1,9}",
    "%z": r"(?:Z|[+-]\d{2}:?\d{2})",
}
"""Those of strptime that say when it was, and the texts they stand for."""

OF_A_DAY = (("%Y", "%y"), ("%m", "%b", "%B"), ("%d",))


def checked_format(format: str) -> str:
    """The format itself; raises ValueError where it can't be read, or doesn't tell the day without guessing."""
    directives = re.findall("%.?", format)
    for directive in directives:
        if directive not in DIRECTIVES:
            raise ValueError(f"{format!r}: {directive!r} is none of {', '.join(DIRECTIVES)}")
        if directives.count(directive) > 1:
            raise ValueError(f"{format!r}: {directive!r} stands in it twice")
    if any(len(set(part) & set(directives)) != 1 for part in OF_A_DAY):
        raise ValueError(f"{format!r}: year, month and day must be in it, each once")
    if ("%I" in directives) != ("%p" in directives):
        raise ValueError(f"{format!r}: %I and %p need each other, or morning and evening look the same")
    return format


def pattern_of(format: str) -> str:
    """The regular expression, RE2's, of the texts that fit a format.

    Narrower than strptime and pandas, which also take `now`, a 60th second, digits of other scripts, and 201012 as
    2 January 2010 where the format is %Y%m%d: numbers that touch have to be written in full.
    """
    pattern = re.sub(r"(?<=%[a-zA-Z])%[a-zA-Z]|%[a-zA-Z](?=%)", _in_full, re.escape(format))
    pattern = re.sub(r"%[a-zA-Z]", lambda directive: DIRECTIVES[directive[0]], pattern)
    return re.sub(r"(\\\s)+", r"\\s+", pattern)


def _in_full(directive: re.Match) -> str:
    return DIRECTIVES[directive[0]].replace("{1,2}", "{2}").replace("]?", "]")
