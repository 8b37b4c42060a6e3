"""Reading YAML files, and telling of where what they say can't be used."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from retail_pipeline.errors import BadInput

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it, which takes a tenth of the time."""


class Described(BaseModel):
    """What a file describes: a key that it doesn't know is a mistake, and nothing changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Model = TypeVar("Model", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """What a file says. Raises OSError, ValueError, RecursionError and yaml.YAMLError where it can't be read."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)


def validated(model: type[Model], content: Any, file: Path | str, key: str = "") -> Model:
    """What a file says, or what it says at a key, as a model has it.

    Raises BadInput, naming the file as it is given, and the key.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in (key, *first["loc"]) if part != "")
        message = first["msg"].removeprefix("Value error, ")
        raise BadInput(f"{file}: {place}: {message}" if place else f"{file}: {message}") from error
