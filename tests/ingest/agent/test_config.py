"""The configuration file: the guide's example is valid, and a mistake names its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.errors import ConfigError
from core.settings import ROOT
from ingest.agent.config import FileSourceConfig, LineSourceConfig
from ingest.agent.config_file import parse_config, read_config
from ingest.agent.toml_table import TomlTable

GUIDE = (ROOT / "docs" / "guide" / "agent.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```toml\n(.*?)```", GUIDE, re.DOTALL)[0]
SHORT = """\
[agent]
station = "us-orchard"
spool = "spool.db"
max_spool_bytes = 100_000_000

[broker]
url = "mqtt://localhost"

[[source]]
type = "toa5"
stream = "ec"
rate = 20
folder = "/data"
pattern = "*.dat"
utc_offset = -8
columns = ["Ux", "Uy"]

[[source]]
type = "tcp"
stream = "met"
kind = "reading"
interval = 60
host = "10.0.0.7"
port = 4001
fields = ["", "TA"]
"""


def test_the_example_of_the_guide_is_valid(tmp_path: Path) -> None:
    text = EXAMPLE
    for name in re.findall(r'"(/etc/[^"]+)"', text):
        file = tmp_path / Path(name).name
        file.write_text("secret\n")
        text = text.replace(name, str(file))
    config = parse_config(text, "agent.toml")
    assert config.broker.address.password == "secret"
    assert config.broker.address.ca_file == str(tmp_path / "ca.pem")
    files, sonic, weather = config.sources
    assert isinstance(files, FileSourceConfig)
    assert (files.dt_ns, files.block_ns) == (50_000_000, 10_000_000_000)
    assert isinstance(sonic, LineSourceConfig)
    assert isinstance(weather, FileSourceConfig)
    assert weather.kind == "reading"


def test_every_key_is_in_the_guide() -> None:
    code = (ROOT / "ingest" / "agent" / "config_file.py").read_text(encoding="utf-8")
    keys = set(re.findall(r'(?:table|agent)\.(?:text|name|choice|integer|number|boolean|texts|read)\(\s*"(\w+)"', code))
    keys |= {"ca_file", "certificate_file", "key_file"}
    assert len(keys) > 25
    for key in keys:
        assert f"`{key}`" in GUIDE, key


def test_defaults() -> None:
    config = parse_config(SHORT, "agent.toml")
    assert config.broker.client_id == "agent-us-orchard"
    assert (config.broker.address.host, config.broker.address.port) == ("localhost", 1883)
    assert config.broker.topic_root == "flux/v1"
    files, lines = config.sources
    assert isinstance(files, FileSourceConfig)
    assert files.channels == ("Ux", "Uy")
    assert files.stamps_end
    assert isinstance(lines, LineSourceConfig)
    assert (lines.channels, lines.fields) == (("TA",), ("", "TA"))
    assert lines.dt_ns == lines.block_ns == 60_000_000_000


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("station =", "name =", "agent.toml: line 1: agent.station: expected a value, got nothing"),
        ('"us-orchard"', '"US"', "line 2: agent.station: expected lower-case letters, digits"),
        ("100_000_000", "10", "line 4: agent.max_spool_bytes: expected 1048576 to"),
        ("100_000_000", "1e9", "line 4: agent.max_spool_bytes: expected a whole number, got 1000000000.0"),
        ("max_spool", "colour = 1\nmax_spool", "line 4: agent.colour: expected no such key, got 1"),
        ("mqtt://", "http://", "line 7: broker.url: expected an address like mqtt://"),
        ('localhost"', 'localhost"\nca_file = "/nowhere"', "line 8: broker.ca_file: expected a readable file"),
        ('localhost"', 'localhost"\nca_file = "/dev/null"', "line 8: broker.ca_file: expected an address mqtts://"),
        (
            'mqtt://localhost"',
            'mqtts://localhost"\nkey_file = "/dev/null"',
            "line 6: broker.certificate_file: expected a value: certificate_file and key_file come together",
        ),
        ('localhost"', 'localhost"\npassword_file = "/dev/null"', "broker.url: expected a user"),
        ('localhost"', 'localhost"\ncompress = 1', "line 8: broker.compress: expected true or false, got 1"),
        ("[broker]", "[brokers]", "agent.toml: broker: expected a part [broker], got nothing"),
        ("[[source]]", "[source]", "(syntax): expected TOML, got Cannot overwrite a value (at line 18"),
        ('"toa5"', '"ftp"', "line 10: source[0].type: expected one of toa5, serial, tcp, got 'ftp'"),
        ("rate = 20", 'rate = "20"', "line 12: source[0].rate: expected a number, got '20'"),
        ("rate = 20", "interval = 20", "line 12: source[0].interval: expected rate instead"),
        (
            "rate = 20",
            "rate = 20\nblock_seconds = 0.51",
            "line 13: source[0].block_seconds: expected a whole number of",
        ),
        ('"*.dat"', '"a/*.dat"', "line 14: source[0].pattern: expected a pattern of names"),
        ("utc_offset = -8\n", "", "line 9: source[0].utc_offset: expected a value"),
        ('["Ux", "Uy"]', '["Ux", "Ux"]', "line 16: source[0].columns: expected names that differ, got 'Ux' twice"),
        ('["Ux", "Uy"]', '["Ux", 3]', "line 16: source[0].columns[1]: expected text, got 3"),
        ('stream = "met"', 'stream = "ec"', "line 20: source[1].stream: expected a stream of its own"),
        ("interval = 60", "rate = 60", "line 22: source[1].rate: expected interval instead"),
        ("port = 4001", "port = 0", "line 24: source[1].port: expected 1 to 65535, got 0"),
        ('host = "10.0.0.7"', 'device = "/dev/ttyUSB0"', "source[1].host: expected a value"),
        ('["", "TA"]', '["", ""]', "line 25: source[1].fields: expected 1 to 32 names, got 0"),
        ("[agent]", "[agent", "(syntax): expected TOML"),
    ],
)
def test_a_mistake_names_file_line_key_expected_and_got(old: str, new: str, said: str) -> None:
    assert old in SHORT
    with pytest.raises(ConfigError) as caught:
        parse_config(SHORT.replace(old, new, 1) if old != 'stream = "met"' else SHORT.replace(old, new), "agent.toml")
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a readable UTF-8 text file"):
        read_config(tmp_path / "agent.toml")
    with pytest.raises(ConfigError, match=re.escape("expected a table [x]")):
        TomlTable(3, "x", "agent.toml", "")
