"""The store: where lines and marts lie as Parquet, and which of what lies there counts.

Whatever is written goes into a folder of its own, which bears the time that the ledger will say once it counts. So the
ledger's commit is what makes it count, and whatever else lies there, a crash has left. Folders are written by Arrow and
by Spark, and read by both.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem

SPARKS_NAMES = {"s3": "s3a"}
"""Schemes of URLs that Spark calls by another name than Arrow does."""

ARRIVING = "_"
"""How names of files begin that aren't finished: readers of Parquet pass over them."""

WRITTEN = "_SUCCESS"
"""The file that Spark writes last into a folder."""


class Store:
    """The folders below a URL, each named by its path from there."""

    def __init__(self, url: str):
        self._url = url

    @cached_property
    def _opened(self) -> tuple[FileSystem, str]:
        return FileSystem.from_uri(self._url)

    @property
    def files(self) -> FileSystem:
        """The file system, as Arrow has it."""
        return self._opened[0]

    def path(self, folder: str) -> str:
        """Where a folder is in `files`."""
        return f"{self._opened[1]}/{folder}"

    def url(self, folder: str) -> str:
        """Where a folder is for Spark."""
        if isinstance(self.files, LocalFileSystem):
            return f"file://{self.path(folder)}"
        scheme, _, rest = self._url.partition("?")[0].partition("://")
        return f"{SPARKS_NAMES.get(scheme, scheme)}://{rest}/{folder}"

    def is_written(self, folder: str) -> bool:
        """Whether Spark wrote a folder to its end."""
        return self.files.get_file_info(f"{self.path(folder)}/{WRITTEN}").type == FileType.File

    def missing(self, folders: Iterable[str]) -> list[str]:
        """Those of the folders that aren't there."""
        folders = list(folders)
        found = self.files.get_file_info([self.path(folder) for folder in folders]) if folders else []
        return [folder for folder, info in zip(folders, found, strict=True) if info.type == FileType.NotFound]

    def sweep(self, folder: str) -> None:
        """Deletes all that lies beside a folder, and files in it that never were finished: what a crash has left."""
        path = self.path(folder)
        for other in self.files.get_file_info(FileSelector(path.rpartition("/")[0], allow_not_found=True)):
            if other.type == FileType.Directory and other.path != path:
                self.files.delete_dir(other.path)
        for file in self.files.get_file_info(FileSelector(path, allow_not_found=True)):
            if file.base_name.startswith(ARRIVING) and file.extension == "parquet":
                self.files.delete_file(file.path)

    def delete(self, folder: str) -> None:
        """Deletes a folder, if it is there."""
        self.files.delete_dir_contents(self.path(folder), missing_dir_ok=True)


def load_folder(table: str, load_id: str, loaded_at: datetime) -> str:
    """The rows of a load that belong in a table."""
    return f"{table}/load_id={quote(load_id, safe='')}/loaded_at={_stamp(loaded_at)}"


def superseded_folder(loaded: Iterable[Mapping[str, Any]]) -> str:
    """The lines that don't count where these loads, rows of the ledger, are in the tables."""
    state = [(load["landing_no"], load["load_id"], _stamp(load["loaded_at"])) for load in loaded]
    return f"superseded_lines/loads={sha256(repr(sorted(state)).encode()).hexdigest()[:16]}"


def mart_folder(mart: str, refreshed_at: datetime) -> str:
    """The rows of a mart."""
    return f"{mart}/refreshed_at={_stamp(refreshed_at)}"


def _stamp(at: datetime) -> str:
    return f"{at:%Y%m%dT%H%M%S%f}"
