"""What an agent is configured to do; ``ingest.agent.config_file`` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ingest.mqtt.broker import Address

Kind = Literal["block", "reading"]


@dataclass(frozen=True, slots=True)
class BrokerConfig:
    """Where blocks go, and how fast.

    Attributes
    ----------
    address : Address
        Host, port, user.
    topic_root : str
        First levels of every topic.
    client_id : str
        Name at the broker; two clients of one name push each other off.
    compress : bool
        Put blocks into zstd frames.
    rate_limit : float
        Most bytes a second for what is not live. [bytes s-1]
    resend_seconds : float
        How long to wait for the platform before a block is sent again; doubled each time. [s]
    """

    address: Address
    topic_root: str
    client_id: str
    compress: bool
    rate_limit: float
    resend_seconds: float


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """What all sources have: the stream they feed and its step.

    Attributes
    ----------
    stream : str
        Name of the stream in the station file.
    kind : {"block", "reading"}
        High-rate samples or slow readings.
    channels : tuple of str
        Names as in the station file, in the order sent.
    dt_ns : int
        Time between samples or readings. [ns]
    block_ns : int
        Length of a block. [ns]
    flush_seconds : float
        Silence after which a block that is not full is sent. [s]
    """

    stream: str
    kind: Kind
    channels: tuple[str, ...]
    dt_ns: int
    block_ns: int
    flush_seconds: float


@dataclass(frozen=True, slots=True)
class FileSourceConfig(SourceConfig):
    """A logger's TOA5 files in a folder.

    Attributes
    ----------
    folder, pattern
        Which files; gzip files are left alone.
    utc_offset : float
        Stamps minus UTC. [h]
    stamps_end : bool
        Whether a stamp is the END of its interval.
    """

    folder: Path
    pattern: str
    utc_offset: float
    stamps_end: bool


@dataclass(frozen=True, slots=True)
class LineSourceConfig(SourceConfig):
    """Lines of values from a serial port or a TCP server, stamped when they arrive.

    Attributes
    ----------
    device, baud
        Serial port (8N1); an empty device means TCP.
    host, port
        TCP server.
    fields : tuple of str
        The fields of a line: names of channels, empty for those that are not sent.
    separator : str
        Between fields; a blank means any number of blanks.
    missing : tuple of str
        Words for a missing value, besides NAN and the empty one.
    gap_seconds : float
        A line that is so late begins a new block. [s]
    """

    device: str
    baud: int
    host: str
    port: int
    fields: tuple[str, ...]
    separator: str
    missing: tuple[str, ...]
    gap_seconds: float

    @property
    def where(self) -> str:
        """The port in words."""
        return self.device or f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """The whole file.

    Attributes
    ----------
    station : str
        Station id.
    spool : Path
        The spool's file; SQLite puts two more beside it.
    max_spool_bytes : int
        Most bytes that the spool may grow to. [bytes]
    status_file : Path or None
        Where to write what waits.
    broker : BrokerConfig
        Where blocks go.
    sources : tuple of FileSourceConfig or LineSourceConfig
        Where they come from; at least one.
    """

    station: str
    spool: Path
    max_spool_bytes: int
    status_file: Path | None
    broker: BrokerConfig
    sources: tuple[FileSourceConfig | LineSourceConfig, ...]
