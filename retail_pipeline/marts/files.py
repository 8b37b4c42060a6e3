"""The YAML files of this folder, each read once."""

from functools import cache
from pathlib import Path
from typing import Any

from retail_pipeline.yaml_files import read_yaml

FOLDER = Path(__file__).parent


@cache
def content_of(name: str) -> dict[str, Any]:
    """What a file says."""
    return read_yaml(FOLDER / name)
