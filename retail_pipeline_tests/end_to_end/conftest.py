"""Shops that tests of whole processes begin with: made once by `retail ingest`, and copied."""

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from retail_pipeline_tests.end_to_end.commands import warm_retail
from retail_pipeline_tests.exports import HEADER, order_line

MakeShop = Callable[[str, Iterable[str]], Path]


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> MakeShop:
    """The RETAIL_HOME in which `retail ingest` has loaded day.csv with these lines, to be copied; made once by name."""
    made: dict[str, Path] = {}

    def make(name: str, lines: Iterable[str]) -> Path:
        if name not in made:
            folder = tmp_path_factory.mktemp("ingested")
            path = folder / "day.csv"
            path.write_text("\n".join([HEADER, *lines, ""]), encoding="utf-8")
            done = warm_retail("ingest", path, home=folder / "shop")
            assert done.returncode == 0, done.stderr
            made[name] = folder / "shop"
        return made[name]

    return make


@pytest.fixture
def shop(ingested: MakeShop, tmp_path: Path) -> Path:
    """A RETAIL_HOME with a load of two rows, one of which is in quarantine."""
    lines = [order_line("1"), order_line("2", quantity="many", description="£5 gift")]
    return shutil.copytree(ingested("two rows", lines), tmp_path / "shop")
