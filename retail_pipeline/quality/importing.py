"""The import of Great Expectations, without the libraries that it imports and no check of ours uses."""

import logging
import os
import sys
import warnings
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from typing import Any

PUT_OFF = frozenset({"altair", "scipy", "scipy.stats"})
"""Half of the time and a third of the memory that the import costs."""

LEFT_OUT = frozenset({"pyspark"})
"""Where it is installed, Great Expectations would import it, which takes as long as all the rest."""


@cache
def great_expectations() -> Any:
    """Great Expectations with all its classes of expectations; it takes seconds, once in a process."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    with warnings.catch_warnings(), sparing(PUT_OFF, LEFT_OUT):
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # its own, about its own imports
        import great_expectations
        import great_expectations.expectations
    return great_expectations


@contextmanager
def sparing(put_off: Collection[str], left_out: Collection[str]) -> Iterator[None]:
    """While it lasts, modules that are put off run when something of theirs is used, and others are not found."""

    class Spared:
        @staticmethod
        def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
            if name in left_out:
                raise ModuleNotFoundError(f"{name} is left out", name=name)
            spec = PathFinder.find_spec(name, path, target) if name in put_off else None
            if spec and spec.loader:
                spec.loader = LazyLoader(spec.loader)
            return spec

    sys.meta_path.insert(0, Spared)
    try:
        yield
    finally:
        sys.meta_path.remove(Spared)
