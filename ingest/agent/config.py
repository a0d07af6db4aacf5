"""The agent's configuration file (TOML), read once and checked."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from core.clock import NS
from core.errors import ConfigError
from ingest.agent.keys import Keys
from ingest.mqtt.broker import Address, parse_address

Kind = Literal["block", "reading"]

MAX_CHANNELS = 32
MAX_SAMPLES = 65_536
MIN_SPOOL = 1 << 20


@dataclass(frozen=True, slots=True)
class Broker:
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
class Source:
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
class FileSource(Source):
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
class LineSource(Source):
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
class Config:
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
    broker : Broker
        Where blocks go.
    sources : tuple of FileSource or LineSource
        Where they come from; at least one.
    """

    station: str
    spool: Path
    max_spool_bytes: int
    status_file: Path | None
    broker: Broker
    sources: tuple[FileSource | LineSource, ...]


def read_config(path: Path) -> Config:
    """Read and check a configuration file.

    Raises
    ------
    ConfigError
        It cannot be read, or a key is missing, unknown or wrong: names file, line, key, expected and got.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), "(file)", "a readable UTF-8 text file", str(error)) from None
    return parse_config(text, path.name)


def parse_config(text: str, file: str) -> Config:
    """Read and check the text of a configuration file; as ``read_config``."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "(syntax)", "TOML", str(error)) from None
    whole = Keys(raw, "", file, text)
    for part in ("agent", "broker", "source"):
        if part not in whole:
            raise whole.mistake(part, f"a part [[{part}]]" if part == "source" else f"a part [{part}]")
    for part in raw:
        if part not in ("agent", "broker", "source"):
            raise whole.mistake(part, "no such part", repr(raw[part]))
    agent = Keys(raw["agent"], "agent", file, text)
    station = agent.name("station")
    spool = Path(agent.text("spool"))
    max_spool_bytes = agent.whole("max_spool_bytes", MIN_SPOOL, 1 << 50)
    status_file = Path(agent.text("status_file")) if "status_file" in agent else None
    agent.finish()
    broker = _broker(Keys(raw["broker"], "broker", file, text), station)
    listed = raw["source"]
    if not isinstance(listed, list) or not listed:
        raise whole.mistake("source", "tables [[source]]", repr(listed))
    sources = tuple(_source(Keys(one, f"source[{i}]", file, text)) for i, one in enumerate(listed))
    streams = [source.stream for source in sources]
    for i, stream in enumerate(streams):
        if stream in streams[:i]:
            raise whole.mistake(f"source[{i}].stream", "a stream of its own for each source", repr(stream))
    return Config(station, spool, max_spool_bytes, status_file, broker, sources)


def _broker(keys: Keys, station: str) -> Broker:
    url = keys.text("url")
    try:
        address = parse_address(url)
    except ConfigError as error:
        raise keys.mistake("url", error.expected, error.got) from None
    password = address.password
    if "password_file" in keys:
        if address.user is None:
            raise keys.mistake("url", "a user beside password_file, as mqtt://user@host")
        password = keys.read("password_file", lambda name: Path(name).read_text().strip(), "a readable file")
    files = {key: keys.read(key, _existing, "a readable file") for key in _TLS_FILES if key in keys}
    if files and not address.tls:
        raise keys.mistake(next(iter(files)), "an address mqtts:// in url", repr(address.host))
    if ("certificate_file" in files) != ("key_file" in files):
        missing = "key_file" if "certificate_file" in files else "certificate_file"
        raise keys.mistake(missing, "a value: certificate_file and key_file come together")
    broker = Broker(
        replace(
            address,
            password=password,
            ca_file=files.get("ca_file"),
            certificate_file=files.get("certificate_file"),
            key_file=files.get("key_file"),
        ),
        keys.text("topic_root", "flux/v1"),
        keys.text("client_id", f"agent-{station}"),
        keys.switch("compress", default=True),
        keys.number("rate_limit", 100, 1e9, 250_000.0),
        keys.number("resend_seconds", 1, 86_400, 60.0),
    )
    keys.finish()
    return broker


_TLS_FILES = ("ca_file", "certificate_file", "key_file")


def _existing(name: str) -> str:
    with Path(name).open("rb"):
        return name


def _source(keys: Keys) -> FileSource | LineSource:
    kind = keys.choice("type", ("toa5", "serial", "tcp"))
    stream = keys.name("stream")
    slow = keys.choice("kind", ("block", "reading"), "block") == "reading"
    # a stream of blocks has a rate, one of readings an interval, as in the station file
    for wrong, right in (("rate", "interval"), ("block_seconds", "interval")) if slow else (("interval", "rate"),):
        if wrong in keys:
            raise keys.mistake(wrong, f"{right} instead, for kind = {'reading' if slow else 'block'!r}", "this key")
    dt_ns = round((keys.number("interval", 0.001, 86_400) if slow else 1 / keys.number("rate", 0.001, 1000)) * NS)
    block_ns = dt_ns if slow else round(keys.number("block_seconds", 0.05, 3600, 10.0) * NS)
    if (block_ns % dt_ns > 1000 and dt_ns - block_ns % dt_ns > 1000) or not 1 <= round(block_ns / dt_ns) <= MAX_SAMPLES:
        raise keys.mistake("block_seconds", f"a whole number of samples, 1 to {MAX_SAMPLES}", f"{block_ns / dt_ns:g}")
    flush = keys.number("flush_seconds", 0.1, 86_400, max(30.0, 2 * block_ns / NS))
    source = (
        _files(keys, slow, stream, dt_ns, block_ns, flush)
        if kind == "toa5"
        else _lines(keys, kind, slow, stream, dt_ns, block_ns, flush)
    )
    keys.finish()
    return source


def _files(keys: Keys, slow: bool, stream: str, dt_ns: int, block_ns: int, flush: float) -> FileSource:
    folder = keys.text("folder")
    pattern = keys.text("pattern")
    if "/" in pattern:
        raise keys.mistake("pattern", "a pattern of names in the folder, without /", repr(pattern))
    channels = keys.texts("columns")
    _check_channels(keys, "columns", channels)
    return FileSource(
        stream,
        "reading" if slow else "block",
        channels,
        dt_ns,
        block_ns,
        flush,
        Path(folder),
        pattern,
        keys.number("utc_offset", -12, 14),
        keys.choice("stamps", ("end", "start"), "end") == "end",
    )


def _lines(keys: Keys, kind: str, slow: bool, stream: str, dt_ns: int, block_ns: int, flush: float) -> LineSource:
    fields = keys.texts("fields")
    channels = tuple(name for name in fields if name)
    _check_channels(keys, "fields", channels)
    return LineSource(
        stream,
        "reading" if slow else "block",
        channels,
        dt_ns,
        block_ns,
        flush,
        keys.text("device") if kind == "serial" else "",
        keys.whole("baud", 50, 4_000_000) if kind == "serial" else 0,
        keys.text("host") if kind == "tcp" else "",
        keys.whole("port", 1, 65_535) if kind == "tcp" else 0,
        fields,
        keys.text("separator", ","),
        keys.texts("missing", ()),
        keys.number("gap_seconds", 0.01, 3600, max(1.0, 2 * dt_ns / NS)),
    )


def _check_channels(keys: Keys, key: str, channels: tuple[str, ...]) -> None:
    if not 1 <= len(channels) <= MAX_CHANNELS or "" in channels:
        raise keys.mistake(key, f"1 to {MAX_CHANNELS} names", f"{len(channels)}")
    for name in channels:
        if channels.count(name) > 1:
            raise keys.mistake(key, "names that differ", f"{name!r} twice")
