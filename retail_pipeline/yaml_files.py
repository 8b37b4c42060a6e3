"""Reading YAML: by libyaml where PyYAML was built with it, which takes a tenth of the time."""

from pathlib import Path
from typing import Any

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """What a file says. Raises OSError, ValueError, RecursionError and yaml.YAMLError where it can't be read."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)
