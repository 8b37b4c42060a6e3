"""How the YAML files of this folder are read, and told of where they can't be used."""

from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from retail_pipeline.errors import BadInput
from retail_pipeline.yaml_files import read_yaml

FOLDER = Path(__file__).parent


class Described(BaseModel):
    """Something that a file describes; a key that it doesn't know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@cache
def content_of(name: str) -> dict[str, Any]:
    """What a file says."""
    return read_yaml(FOLDER / name)


def validated(model: type[BaseModel], content: Any, path: Path, key: str = "") -> Any:
    """The content as a model has it. Raises BadInput, naming file and key."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in (key, *first["loc"]) if part)
        raise BadInput(f"{path.name}: {place}: {first['msg']}") from error
