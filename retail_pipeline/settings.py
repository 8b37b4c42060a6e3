"""Every setting, read in one place from the environment (and a `.env` file where there is one)."""

import re
from collections.abc import Iterator
from datetime import time
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from retail_pipeline.redaction import keep_secret


@cache
def time_zones() -> frozenset[str]:
    """The names of all time zones. Python looks through hundreds of files for them, each time that it is asked."""
    return frozenset(available_timezones())


class Settings(BaseSettings):
    """The settings of one process; each field is the variable of that name with the prefix `RETAIL_`.

    Whatever holds a secret is a SecretStr: it is then hidden in every text that goes through `redaction`.
    """

    model_config = SettingsConfigDict(env_prefix="RETAIL_", env_file=".env", extra="ignore")

    home: Path = Field(
        default=Path(".retail"),
        description="Folder of the landing store, of `retail.db` where SQLite serves, and of Dagster's own files.",
    )
    database_url: SecretStr = Field(
        default=SecretStr(""),
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
    engine: Literal["database", "spark"] = Field(
        default="database",
        description="What loads files and computes marts: the database itself, or Apache Spark.",
    )
    spark_master: str = Field(
        default="local[*]",
        description="Spark's master: this machine's processors, or a cluster's address, such as `spark://host:7077`.",
    )
    spark_folder: str = Field(
        default="",
        description="Where Spark keeps lines and marts as Parquet: a folder that all its machines share, or a URL such "
        "as `s3://bucket/retail`. Empty: `spark` under `RETAIL_HOME`.",
    )
    batch_rows: int = Field(
        default=25_000,
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
    retry_seconds: int = Field(
        default=300,
        ge=0,
        description="How long work is tried again that a deadlock, a lost connection or a restart of the database "
        "broke off.",
    )

    api_database_url: SecretStr = Field(
        default=SecretStr(""),
        description="The warehouse as the API reaches it: by a user that may read, and write `loads` and "
        "`corrections`. Empty: as `RETAIL_DATABASE_URL`.",
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

    inbox: Path | None = Field(
        default=None,
        description="Folder whose files are taken in while Dagster runs. Not set: `inbox` under `RETAIL_HOME`.",
    )
    nightly_at: time = Field(
        default=time(2, 30),
        description="When the nightly run begins, by the clock of `RETAIL_TIME_ZONE`.",
    )
    time_zone: str = Field(
        default="UTC",
        description="Time zone of the schedule, such as `Europe/London`.",
    )
    stale_warn_hours: int = Field(
        default=26,  # a day, the hour that clocks are set back, and the nightly run itself
        ge=1,
        description="Hours after which a mart that wasn't refreshed is shown as late.",
    )
    stale_fail_hours: int = Field(
        default=36,
        ge=1,
        description="Hours after which it is shown as stale, and an alert is sent.",
    )

    alert_webhook: SecretStr = Field(
        default=SecretStr(""),
        description="URL that alerts are posted to as JSON, as Slack, Mattermost and others take them. Empty: none.",
    )
    alert_email_to: str = Field(
        default="",
        description="Addresses that alerts are mailed to, separated by commas. Empty: none.",
    )
    alert_email_from: str = Field(
        default="",
        description="Their sender. Empty: the first of `RETAIL_ALERT_EMAIL_TO`.",
    )
    alert_quarantine_share: float = Field(
        default=0.01,
        ge=0,
        le=1,
        description="An alert is sent where more than this share of a load's rows, or of its money, is held back.",
    )
    smtp_host: str = Field(
        default="127.0.0.1",
        description="The mail server.",
    )
    smtp_port: int = Field(
        default=587,
        ge=1,
        le=65535,
        description="Its port.",
    )
    smtp_user: str = Field(
        default="",
        description="Who logs in there. Empty: nobody.",
    )
    smtp_password: SecretStr = Field(
        default=SecretStr(""),
        description="The password of `RETAIL_SMTP_USER`.",
    )
    smtp_tls: Literal["starttls", "tls", "none"] = Field(
        default="starttls",
        description="How mail is encrypted: after connecting, from the first byte (port 465), or not at all.",
    )

    keep_raw_days: int | None = Field(
        default=None,
        ge=0,
        le=100_000,
        description="Days after which `retail prune` deletes a load's raw lines. Not set: they are kept.",
    )
    keep_files_days: int | None = Field(
        default=None,
        ge=0,
        le=100_000,
        description="Days after which `retail prune` deletes a load's file. Not set: files are kept.",
    )
    keep_checks_days: int = Field(
        default=365,
        ge=0,
        le=100_000,
        description="Days after which `retail prune` deletes what checks found; the newest of each is kept.",
    )

    log_format: Literal["text", "json"] = Field(
        default="text",
        description="The form of the log's lines on standard error.",
    )
    log_level: Literal["debug", "info", "warning", "error"] | None = Field(
        default=None,
        description="The least of what is logged. Not set: info for servers, nothing for commands, which say "
        "themselves what matters.",
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in time_zones():
            raise ValueError(f"{name!r} is no time zone; a name such as Europe/London is")
        return name

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def model_post_init(self, context: Any) -> None:
        keep_secret(self._secrets())

    def _secrets(self) -> Iterator[str]:
        """Every secret among the settings, and the passwords in those that are URLs."""
        for value in vars(self).values():
            if isinstance(value, SecretStr):
                yield value.get_secret_value()
                yield from _passwords(value.get_secret_value())

    @cached_property
    def resolved_home(self) -> Path:
        """`home` as an absolute path, so that a process started elsewhere by Dagster finds the same folder."""
        return self.home.expanduser().resolve()

    @cached_property
    def warehouse_url(self) -> str:
        return self.database_url.get_secret_value() or f"sqlite:///{self.resolved_home / 'retail.db'}"

    @property
    def dagster_link(self) -> str:
        """Where people find Dagster, without a slash at its end."""
        return (self.dagster_public_url or self.dagster_url).rstrip("/")

    @property
    def sources_folder(self) -> Path:
        return self.sources.expanduser().resolve() if self.sources else self.resolved_home / "sources"

    @property
    def landing_folder(self) -> Path:
        return self.resolved_home / "landing"

    @property
    def spark_url(self) -> str:
        """`spark_folder` as a URL."""
        if "://" in self.spark_folder:
            return self.spark_folder.rstrip("/")
        folder = Path(self.spark_folder).expanduser() if self.spark_folder else self.resolved_home / "spark"
        return folder.resolve().as_uri()

    @property
    def inbox_folder(self) -> Path:
        return self.inbox.expanduser().resolve() if self.inbox else self.resolved_home / "inbox"

    @property
    def alerts_folder(self) -> Path:
        return self.resolved_home / "alerts"

    @property
    def tableau_folder(self) -> Path:
        return self.resolved_home / "tableau"

    @property
    def dagster_folder(self) -> Path:
        return self.dagster_home.expanduser().resolve() if self.dagster_home else self.resolved_home / "dagster"


def _passwords(url: str) -> Iterator[str]:
    """The password in a URL, as it is written and as it is meant."""
    if found := re.match(r"[^/]*//[^:/]*:(.*)@", url, re.DOTALL):
        yield from (found[1], unquote(found[1]))
    yield from re.findall(r"passw(?:or)?d=([^&]+)", url)
