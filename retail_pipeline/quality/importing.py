"""The import of Great Expectations, without the libraries that it imports and no check of ours uses."""

import logging
import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

PUT_OFF = ("altair", "jsonschema", "scipy", "scipy.stats")
"""Half of the time and a third of the memory that the import costs."""

LEFT_OUT = ("pyspark", "sqlalchemy.dialects.postgresql")
"""What it imports where it is there, for databases that aren't ours; Spark's takes as long as all the rest."""


@cache
def great_expectations() -> Any:
    """Great Expectations with all its classes of expectations; it takes seconds, once in a process."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    with warnings.catch_warnings(), sparing(PUT_OFF, LEFT_OUT):
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # its own, about its own imports
        import great_expectations
        import great_expectations.expectations
        import great_expectations.util
    # For every decimal that a database answers, it has Python look up the sources of the whole call stack, a fifth of
    # the time that testing takes, to know whether it may warn that a float is less exact.
    great_expectations.util.stack = tuple
    return great_expectations


class Later(ModuleType):
    """Stands for a module, which is imported when something of it is used."""

    def __getattr__(self, attribute: str) -> Any:
        _forget(self)
        return getattr(import_module(self.__name__), attribute)


@contextmanager
def sparing(put_off: Iterable[str], left_out: Iterable[str]) -> Iterator[None]:
    """While it lasts, who imports modules that are put off gets what stands for them, and others aren't found.

    A module that was imported before is what it was. Modules that are put off come after the package they are in.
    """
    standing_in = {name: Later(name) for name in put_off if name not in sys.modules}
    hidden = [name for name in left_out if name not in sys.modules]
    for name, module in standing_in.items():
        package, _, own_name = name.rpartition(".")
        if package in standing_in:
            setattr(standing_in[package], own_name, module)
    sys.modules.update(standing_in)
    sys.modules.update(dict.fromkeys(hidden))  # None is what the import system takes for a module that isn't there
    try:
        yield
    finally:
        for module in standing_in.values():
            _forget(module)  # whoever imports it from now on gets it; `inspect`, too, would ask it for its file
        for name in hidden:
            sys.modules.pop(name, None)


def _forget(module: ModuleType) -> None:
    if sys.modules.get(module.__name__) is module:
        del sys.modules[module.__name__]
