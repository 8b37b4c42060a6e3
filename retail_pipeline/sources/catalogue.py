"""The profiles that are known: those shipped and those of the user's own folder."""

from collections.abc import Iterator
from pathlib import Path

from retail_pipeline.errors import BadFile, BadInput
from retail_pipeline.sources.profile import SourceProfile, read_profile

SHIPPED = Path(__file__).parent


class SourceCatalogue:
    """Profiles by name; a profile in `own_folder` takes the place of a shipped one of the same name."""

    def __init__(self, own_folder: Path | None = None):
        self._profiles: dict[str, SourceProfile] = {}
        for folder in filter(None, (SHIPPED, own_folder)):
            for path in sorted(folder.glob("*.yaml")):
                profile = read_profile(path)
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

    def recognise(self, path: Path, header: list[str]) -> SourceProfile:
        """The one profile whose columns the header has.

        Raises BadFile where none or several fit: then the user has to say which.
        """
        fitting = [profile for profile in self if profile.matches(header)]
        match fitting:
            case [profile]:
                return profile
            case []:
                columns = ", ".join(header[:20])
                raise BadFile(
                    path.name, f"no known source has these columns: {columns}; name one with --source", line=1
                )
            case _:
                names = ", ".join(profile.name for profile in fitting)
                raise BadFile(path.name, f"several sources fit this header ({names}); name one with --source", line=1)
