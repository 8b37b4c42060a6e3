"""Every setting, read in one place from the environment (and a `.env` file where there is one)."""

from functools import cached_property
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The settings of one process; each field is the variable of that name with the prefix `RETAIL_`."""

    model_config = SettingsConfigDict(env_prefix="RETAIL_", env_file=".env", extra="ignore")

    home: Path = Field(
        default=Path(".retail"),
        description="Folder of the landing store, of `retail.db` where SQLite serves, and of Dagster's own files.",
    )
    database_url: str = Field(
        default="",
        description="SQLAlchemy URL of the warehouse, such as `mysql+pymysql://user:password@host/retail`. "
        "Empty: SQLite under `RETAIL_HOME`.",
    )
    database_password: SecretStr = Field(
        default=SecretStr(""),
        description="The password of that URL's user, where the URL names none; of any ASCII characters.",
    )
    dagster_home: Path | None = Field(
        default=None,
        description="Folder with the `dagster.yaml` of the Dagster instance on which `retail` runs its jobs. "
        "Not set: `dagster` under `RETAIL_HOME`.",
    )
    tableau_server: str = Field(
        default="",
        description="Where Tableau finds the database's server, as `host` or `host:port`. "
        "Empty: as `RETAIL_DATABASE_URL` says.",
    )
    sources: Path | None = Field(
        default=None,
        description="Folder with source profiles of your own. Not set: `sources` under `RETAIL_HOME`.",
    )
    batch_rows: int = Field(
        default=50_000,
        ge=1,
        description="Rows of a file that are held in memory at a time.",
    )
    unpacked_mb: int = Field(
        default=10_000,
        ge=1,
        description="What a compressed file may unpack to at most, in MB: one that grows beyond it is refused.",
    )
    lock_seconds: int = Field(
        default=3600,
        ge=1,
        description="How long a writer waits for another writer before it gives up.",
    )

    api_database_url: str = Field(
        default="",
        description="The warehouse as the API reaches it: by a user that may read, and write `loads`. "
        "Empty: as `RETAIL_DATABASE_URL`.",
    )
    dagster_url: str = Field(
        default="http://127.0.0.1:3000",
        description="Where the API finds Dagster's web server, which starts the runs.",
    )
    dagster_public_url: str = Field(
        default="",
        description="Where people find it, for links. Empty: as `RETAIL_DAGSTER_URL`.",
    )
    upload_bytes: int = Field(
        default=4 << 30,
        ge=1,
        description="The largest file that the API takes.",
    )
    requests_per_minute: int = Field(
        default=6000,
        ge=1,
        description="Requests that the API answers a minute for one key.",
    )

    @cached_property
    def resolved_home(self) -> Path:
        """`home` as an absolute path, so that a process started elsewhere by Dagster finds the same folder."""
        return self.home.expanduser().resolve()

    @cached_property
    def warehouse_url(self) -> str:
        return self.database_url or f"sqlite:///{self.resolved_home / 'retail.db'}"

    @property
    def sources_folder(self) -> Path:
        return self.sources or self.resolved_home / "sources"

    @property
    def landing_folder(self) -> Path:
        return self.resolved_home / "landing"

    @property
    def tableau_folder(self) -> Path:
        return self.resolved_home / "tableau"

    @property
    def dagster_folder(self) -> Path:
        return self.dagster_home.expanduser().resolve() if self.dagster_home else self.resolved_home / "dagster"
