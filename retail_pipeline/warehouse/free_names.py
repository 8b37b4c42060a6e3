"""Names of files that no file has yet."""

from itertools import chain, count
from pathlib import Path


def free(path: Path) -> Path:
    """The path, or one like it with a number where there is a file already."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(2))
    return next(candidate for candidate in chain([path], numbered) if not candidate.exists())
