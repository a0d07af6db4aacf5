"""Settings of one installation: read once, in ``main``, from ``FLUXTOWER_*`` in the environment."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import tempfile
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent


def _check_days(days: float) -> float:
    # what is younger may still be on its way: neither compaction nor retention looks at it
    if days != 0 and not 0.25 <= days < 1e5:
        raise PydanticCustomError("days", "0 (never), or 0.25 to 100000 days")
    return days


def _check_origins(text: str) -> str:
    for origin in filter(None, (part.strip() for part in text.split(","))):
        if origin != "*" and not re.fullmatch(
            r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?", origin
        ):
            raise PydanticCustomError(
                "origins",
                "origins as browsers send them, comma separated: https://lab.example.org, no path, no / at the end",
            )
    return text


def _check_address(url: str | None) -> str | None:
    if url is not None and not re.fullmatch(r"https?://[^/?#\s@]+(/[A-Za-z0-9._~-]+)*", url):
        raise PydanticCustomError("address", "an address without a / at the end, such as https://example.org/flux")
    if url is not None and urlsplit(url).path.partition("/api")[0] != urlsplit(url).path:
        raise PydanticCustomError("address", "a prefix without /api in it: that is where our own addresses begin")
    return url


Days = Annotated[float, AfterValidator(_check_days)]


class Settings(BaseSettings):
    """Everything that differs between installations.

    With neither ``dsn`` nor ``broker`` given, the private servers under ``var`` are used
    (``fluxtower up`` starts them); either one given means: use that server, start none.
    """

    model_config = SettingsConfigDict(env_prefix="FLUXTOWER_", extra="ignore", frozen=True)

    var: Path = Field(ROOT / "var", description="Folder for servers, data, logs and secrets.")
    native: Path | None = Field(
        None,
        description="Folder of the private servers' programs, if not var/native: several vars can share them.",
    )
    dsn: str | None = Field(
        None,
        description="PostgreSQL address of an existing TimescaleDB, e.g. postgresql://user@host/db.",
    )
    broker: str | None = Field(
        None,
        description="Address of an existing MQTT broker, e.g. mqtt://user:password@host:1883; mqtts:// is TLS.",
    )
    db_port: int = Field(15432, ge=1024, le=65535, description="Loopback port of the private PostgreSQL.")
    broker_port: int = Field(11883, ge=1024, le=65535, description="Loopback port of the private Mosquitto.")
    api_host: str = Field("127.0.0.1", description="Address on which the API and the pages listen.")
    api_port: int = Field(18080, ge=1024, le=65535, description="Port of the API and the pages.")
    api_processes: int = Field(1, ge=1, le=64, description="Processes of the API and the pages, on one port.")
    public_url: Annotated[str | None, AfterValidator(_check_address)] = Field(
        None,
        description="Address under which readers reach the pages through a reverse proxy, e.g. "
        "https://example.org/flux; a path is a prefix of every address.",
    )
    trusted_proxies: str = Field(
        "127.0.0.1,::1",
        description="Addresses or networks of reverse proxies whose X-Forwarded-* headers are believed, comma "
        "separated; * = everybody's.",
    )
    cors_origins: Annotated[str, AfterValidator(_check_origins)] = Field(
        "",
        description="Origins whose pages may read the API, comma separated, e.g. https://lab.example.org; * = all. "
        "Never with a login's cookie.",
    )
    requests_per_minute: int = Field(
        6000, ge=0, description="Most requests a minute of one address or key, a process of the API; 0 = any number."
    )
    oidc_issuer: str | None = Field(
        None, description="Identity provider (OpenID Connect) with whose accounts users may log in; its address."
    )
    oidc_client: str | None = Field(None, description="Client id that the identity provider gave the platform.")
    oidc_secret: str | None = Field(None, description="Client secret that the identity provider gave the platform.")
    topic_root: str = Field("flux/v1", description="First levels of every MQTT topic.")
    collector: str = Field(
        "collector",
        description="MQTT client id of the collector: its persistent session has this name.",
    )
    collector_group: str = Field(
        "",
        pattern="^[a-z0-9-]*$",
        description="Collectors of one group, each with a name of its own, share the messages; empty = one gets all.",
    )
    batch_seconds: float = Field(0.1, gt=0, le=10, description="Longest time a message waits for its commit. [s]")
    batch_messages: int = Field(10_000, ge=1, description="Most messages in one commit.")
    in_flight: int = Field(
        50_000,
        ge=1,
        le=65535,
        description="Most messages the broker may send before an acknowledgement: bounds memory.",
    )
    max_ahead_seconds: float = Field(
        300.0, ge=0, le=1e9, description="How far the stamp of a message may be ahead of this machine's clock. [s]"
    )
    max_age_days: float = Field(
        7305.0, ge=0, le=1e5, description="How old the data of a message may be when it comes. [days, 0 = any age]"
    )
    latest_per_second: int = Field(
        200,
        ge=0,
        le=100_000,
        description="Most retained newest values published a second, over all streams; 0 = none.",
    )
    worker_seconds: float = Field(
        1.0,
        gt=0,
        description="How often the worker looks for half-hours that are due. [s]",
    )
    review_days: float = Field(
        45.0, gt=0, le=3650, description="How long after a month its data have to be reviewed at both levels. [days]"
    )
    season_seconds: float = Field(
        86_400.0, gt=0, description="How often a station's running season is filled afresh. [s]"
    )
    keep_seconds: float = Field(
        3600.0, gt=0, description="How often old samples are compacted and what is too old is dropped. [s]"
    )
    compact_days: Days = Field(
        7.0, description="Age at which a day's samples are compacted, bit for bit the same. [days, 0 = never]"
    )
    keep_samples_days: Days = Field(
        0.0, description="Age at which samples are dropped, if they are computed. [days, 0 = they are kept]"
    )
    keep_minutes_days: Days = Field(
        0.0, description="Age at which per-minute statistics are dropped. [days, 0 = they are kept]"
    )
    keep_readings_days: Days = Field(
        0.0, description="Age at which slow readings are dropped, if nothing waits for them. [days, 0 = they are kept]"
    )
    keep_rejects_days: Days = Field(
        0.0, description="Age at which refused messages are deleted. [days, 0 = they are kept]"
    )
    keep_provisional_days: Days = Field(
        7.0,
        description="Age at which superseded provisional season runs are dropped, but one a month. [days, 0 = never]",
    )
    hj212_listen: bool = Field(False, description="Whether the group runs the listener for frames of HJ 212.")
    hj212_forward: bool = Field(False, description="Whether the group runs the forwarder of HJ 212.")
    hj212_host: str = Field("127.0.0.1", description="Address on which the listener of HJ 212 listens.")
    hj212_port: int = Field(19003, ge=1024, le=65535, description="Port of the listener of HJ 212.")
    hj212_connections: int = Field(
        500, ge=1, le=20_000, description="Most connections of the listener of HJ 212; each needs up to 600 kB."
    )
    hj212_file: Path | None = Field(
        None,
        description="File of who may send frames of HJ 212 and where they are sent, if not var/secrets/hj212.toml.",
    )
    debian_mirror: str | None = Field(
        None,
        description="Debian mirror for the private servers where the machine's own apt has none (Ubuntu).",
    )
    grafana_url: str | None = Field(None, description="Grafana to push the dashboards to.")
    grafana_token: str | None = Field(None, description="Service-account token of that Grafana.")

    @property
    def store_dsn(self) -> str:
        """PostgreSQL address in use: the one given, or the private server's."""
        if self.dsn:
            return self.dsn
        return f"postgresql://fluxtower:{self.secret('database')}@127.0.0.1:{self.db_port}/fluxtower"

    @property
    def root_path(self) -> str:
        """Prefix of every address as readers see it; empty without one."""
        return urlsplit(self.public_url).path if self.public_url else ""

    @property
    def allowed_origins(self) -> list[str]:
        """Origins whose pages may read the API."""
        return [origin for part in self.cors_origins.split(",") if (origin := part.strip())]

    @property
    def broker_url(self) -> str:
        """MQTT address in use: the one given, or the private broker's."""
        return self.broker or f"mqtt://127.0.0.1:{self.broker_port}"

    @property
    def run_dir(self) -> Path:
        """Folder for Unix sockets: ``var/run``, or a private one in the temporary directory if that is too long."""
        run = self.var.resolve() / "run"
        if len(str(run)) <= 80:
            return run
        name = hashlib.sha256(str(run).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"fluxtower-{os.getuid()}-{name}"

    def secret(self, name: str) -> str:
        """Return the password of that name from ``var/secrets``, making it at first use (mode 0600)."""
        path = self.var / "secrets" / name
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            pass
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
        except FileExistsError:  # another process made it between our look and our write
            pass
        return path.read_text().strip()


def read_settings() -> Settings:
    """Read the settings from the environment.

    Raises
    ------
    ConfigError
        A value that is out of range or of the wrong type; names the environment variable.
    """
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        first = error.errors()[0]
        key = "FLUXTOWER_" + str(first["loc"][0]).upper()
        raise ConfigError("environment", key, first["msg"], repr(first["input"])) from None
