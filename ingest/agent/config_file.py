"""The agent's configuration file (TOML), read once and checked."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

from core.clock import NS
from core.errors import ConfigError
from ingest.agent.config import AgentConfig, BrokerConfig, FileSourceConfig, LineSourceConfig
from ingest.agent.toml_table import TomlTable
from ingest.mqtt.broker import FILE_OPTIONS, parse_address

MAX_CHANNELS = 32
MAX_SAMPLES = 65_536
MIN_SPOOL_BYTES = 1 << 20


def read_config(path: Path) -> AgentConfig:
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


def parse_config(text: str, file: str) -> AgentConfig:
    """Read and check the text of a configuration file; as ``read_config``."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, "(syntax)", "TOML", str(error)) from None
    file_table = TomlTable(raw, "", file, text)
    for part in ("agent", "broker", "source"):
        if part not in file_table:
            raise file_table.error(part, f"a part [[{part}]]" if part == "source" else f"a part [{part}]")
    for part in raw:
        if part not in ("agent", "broker", "source"):
            raise file_table.error(part, "no such part", repr(raw[part]))
    agent = TomlTable(raw["agent"], "agent", file, text)
    station = agent.name("station")
    spool = Path(agent.text("spool"))
    max_spool_bytes = agent.integer("max_spool_bytes", MIN_SPOOL_BYTES, 1 << 50)
    status_file = Path(agent.text("status_file")) if "status_file" in agent else None
    agent.finish()
    broker = _broker_config(TomlTable(raw["broker"], "broker", file, text), station)
    listed = raw["source"]
    if not isinstance(listed, list) or not listed:
        raise file_table.error("source", "tables [[source]]", repr(listed))
    sources = tuple(_source_config(TomlTable(one, f"source[{i}]", file, text)) for i, one in enumerate(listed))
    streams = [source.stream for source in sources]
    for i, stream in enumerate(streams):
        if stream in streams[:i]:
            raise file_table.error(f"source[{i}].stream", "a stream of its own for each source", repr(stream))
    return AgentConfig(station, spool, max_spool_bytes, status_file, broker, sources)


def _broker_config(table: TomlTable, station: str) -> BrokerConfig:
    url = table.text("url")
    try:
        address = parse_address(url)
    except ConfigError as error:
        raise table.error("url", error.expected, error.got) from None
    password = address.password
    if "password_file" in table:
        if address.user is None:
            raise table.error("url", "a user beside password_file, as mqtt://user@host")
        password = table.read("password_file", lambda name: Path(name).read_text().strip(), "a readable file")
    files = {key: table.read(key, _readable_file, "a readable file") for key in FILE_OPTIONS if key in table}
    if files and not address.tls:
        raise table.error(next(iter(files)), "an address mqtts:// in url", repr(address.host))
    if ("certificate_file" in files) != ("key_file" in files):
        missing = "key_file" if "certificate_file" in files else "certificate_file"
        raise table.error(missing, "a value: certificate_file and key_file come together")
    broker = BrokerConfig(
        replace(
            address,
            password=password,
            ca_file=files.get("ca_file"),
            certificate_file=files.get("certificate_file"),
            key_file=files.get("key_file"),
        ),
        table.text("topic_root", "flux/v1"),
        table.text("client_id", f"agent-{station}"),
        table.boolean("compress", default=True),
        table.number("rate_limit", 100, 1e9, 250_000.0),
        table.number("resend_seconds", 1, 86_400, 60.0),
    )
    table.finish()
    return broker


def _readable_file(name: str) -> str:
    with Path(name).open("rb"):
        return name


def _source_config(table: TomlTable) -> FileSourceConfig | LineSourceConfig:
    kind = table.choice("type", ("toa5", "serial", "tcp"))
    stream = table.name("stream")
    slow = table.choice("kind", ("block", "reading"), "block") == "reading"
    # a stream of blocks has a rate, one of readings an interval, as in the station file
    for wrong, right in (("rate", "interval"), ("block_seconds", "interval")) if slow else (("interval", "rate"),):
        if wrong in table:
            raise table.error(wrong, f"{right} instead, for kind = {'reading' if slow else 'block'!r}", "this key")
    dt_ns = round((table.number("interval", 0.001, 86_400) if slow else 1 / table.number("rate", 0.001, 1000)) * NS)
    block_ns = dt_ns if slow else round(table.number("block_seconds", 0.05, 3600, 10.0) * NS)
    if (block_ns % dt_ns > 1000 and dt_ns - block_ns % dt_ns > 1000) or not 1 <= round(block_ns / dt_ns) <= MAX_SAMPLES:
        raise table.error("block_seconds", f"a whole number of samples, 1 to {MAX_SAMPLES}", f"{block_ns / dt_ns:g}")
    flush = table.number("flush_seconds", 0.1, 86_400, max(30.0, 2 * block_ns / NS))
    source = (
        _file_source(table, slow, stream, dt_ns, block_ns, flush)
        if kind == "toa5"
        else _line_source(table, kind, slow, stream, dt_ns, block_ns, flush)
    )
    table.finish()
    return source


def _file_source(
    table: TomlTable, slow: bool, stream: str, dt_ns: int, block_ns: int, flush: float
) -> FileSourceConfig:
    folder = table.text("folder")
    pattern = table.text("pattern")
    if "/" in pattern:
        raise table.error("pattern", "a pattern of names in the folder, without /", repr(pattern))
    channels = table.texts("columns")
    _check_channels(table, "columns", channels)
    return FileSourceConfig(
        stream,
        "reading" if slow else "block",
        channels,
        dt_ns,
        block_ns,
        flush,
        Path(folder),
        pattern,
        table.number("utc_offset", -12, 14),
        table.choice("stamps", ("end", "start"), "end") == "end",
    )


def _line_source(
    table: TomlTable, kind: str, slow: bool, stream: str, dt_ns: int, block_ns: int, flush: float
) -> LineSourceConfig:
    fields = table.texts("fields")
    channels = tuple(name for name in fields if name)
    _check_channels(table, "fields", channels)
    return LineSourceConfig(
        stream,
        "reading" if slow else "block",
        channels,
        dt_ns,
        block_ns,
        flush,
        table.text("device") if kind == "serial" else "",
        table.integer("baud", 50, 4_000_000) if kind == "serial" else 0,
        table.text("host") if kind == "tcp" else "",
        table.integer("port", 1, 65_535) if kind == "tcp" else 0,
        fields,
        table.text("separator", ","),
        table.texts("missing", ()),
        table.number("gap_seconds", 0.01, 3600, max(1.0, 2 * dt_ns / NS)),
    )


def _check_channels(table: TomlTable, key: str, channels: tuple[str, ...]) -> None:
    if not 1 <= len(channels) <= MAX_CHANNELS or "" in channels:
        raise table.error(key, f"1 to {MAX_CHANNELS} names", f"{len(channels)}")
    for name in channels:
        if channels.count(name) > 1:
            raise table.error(key, "names that differ", f"{name!r} twice")
