"""One comparison a file: `compare(bench)` says what is measured against what. A new file is found by itself."""

from importlib import import_module
from pkgutil import iter_modules

NAMES = sorted(module.name for module in iter_modules(__path__))


def comparison(name: str):
    """The function `compare` of the comparison of that name."""
    return import_module(f"{__name__}.{name}").compare
