"""A batch is read and typed while the database has the one before."""

import threading
from collections.abc import Iterator

import pytest

from retail_pipeline.warehouse.loading import one_ahead

SECONDS = 10  # which a test waits at most, and only where it fails


def test_the_next_item_is_made_while_the_one_before_is_in_use_and_no_further_one():
    made = [threading.Event() for _ in range(3)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    ahead = one_ahead(items())
    assert next(ahead) == 0
    assert made[1].wait(SECONDS)
    assert not made[2].is_set()
    assert list(ahead) == [1, 2]


def test_what_is_wrong_with_an_item_is_raised_after_those_before_it():
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("line 2")

    ahead = one_ahead(items())
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="line 2"):
        next(ahead)
