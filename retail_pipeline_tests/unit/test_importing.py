"""What the import of Great Expectations leaves for later, and what it leaves alone."""

import subprocess
import sys

from retail_pipeline.quality.importing import sparing

PROGRAM = """
import inspect
import sys
from retail_pipeline.quality.importing import great_expectations
gx = great_expectations()
assert gx.expectations.ExpectColumnValuesToNotBeNull
inspect.stack()
print("pyspark" in sys.modules, "scipy.special" in sys.modules, "altair.vegalite" in sys.modules)
user = sys.modules["great_expectations.expectations.core.expect_column_kl_divergence_to_be_less_than"]
print(user.stats.norm.cdf(0))
from scipy import stats
print(stats.norm.cdf(0))
"""


def test_great_expectations_brings_no_library_that_no_check_uses_and_each_still_works_for_who_does_use_it():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:3] == ["False False False", "0.5", "0.5"]


def test_modules_are_spared_only_while_they_are_asked_to_be():
    sys.modules.pop("colorsys", None)
    with sparing(put_off=[], left_out=["colorsys"]):
        assert not _is_found("colorsys")
    assert _is_found("colorsys")


def _is_found(name: str) -> bool:
    try:
        __import__(name)
    except ModuleNotFoundError:
        return False
    return True
