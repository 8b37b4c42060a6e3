"""The profiles that are known: those shipped and those of the user's own folder."""

from collections.abc import Iterator
from pathlib import Path

from retail_pipeline.errors import BadInput
from retail_pipeline.sources.profile import SourceProfile, read_profile

SHIPPED = Path(__file__).parent


class SourceCatalogue:
    """Profiles by name; a profile in `own_folder` takes the place of a shipped one of the same name."""

    shipped = SHIPPED

    def __init__(self, own_folder: Path | None = None):
        self._profiles: dict[str, SourceProfile] = {}
        for folder in filter(None, (SHIPPED, own_folder)):
            for path in sorted(folder.glob("*.yaml")):
                profile = read_profile(path, SHIPPED)
                if profile.name != path.stem:
                    raise BadInput(f"{path}: name: {profile.name!r} should be the file's name, {path.stem!r}")
                self._profiles[profile.name] = profile

    def __iter__(self) -> Iterator[SourceProfile]:
        return iter(self._profiles.values())

    def get(self, name: str) -> SourceProfile:
        try:
            return self._profiles[name]
        except KeyError:
            raise BadInput(f"unknown source {name!r}; known are {', '.join(sorted(self._profiles))}") from None
