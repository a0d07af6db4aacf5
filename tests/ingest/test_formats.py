"""Whether what a station file says about its formats fits them, and whether the pages say what the rows do."""

from __future__ import annotations

import re

import pytest

from core.errors import ConfigError
from core.settings import ROOT
from core.station import parse_station
from ingest.files.raw import FILE_FORMATS
from ingest.formats import check_formats
from ingest.payloads import FORMATS
from tests.ingest.foreign import FILE, HEAD, index_of, stream_text

MQTT_PAGE, STATION_PAGE = ((ROOT / "docs" / page).read_text() for page in ("formats/mqtt.md", "guide/station.md"))


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            '[files]\nseparator = ";"',
            "files.separator: expected nothing: a file of format toa5 says it itself, got ';'",
        ),
        ('[files]\nformat = "ghg"\nstart = "%Y"', "files.start: expected nothing: a file of format ghg says it itself"),
        ('[files]\nformat = "csv"', "files.time_columns: expected either time_columns or start, .*, got neither"),
        ('[files]\nformat = "csv"\nstart = "%Y"\ntime_columns = ["t"]', "files.time_columns: .*, got both"),
        (
            '[files]\nformat = "csv"\nstart = "%Y"\nheader_rows = 0',
            "files.columns: expected names, for there is no header row 1",
        ),
        ('[files.meteorology]\nformat = "xls"', "files.meteorology.format: expected one of toa5, .*, csv, got 'xls'"),
    ],
)
def test_what_files_are_said_to_be_fits_their_format(files: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"a.toml: {message}"):
        check_formats(parse_station(f"{FILE}\n{files}\n", "a.toml"), "a.toml")


@pytest.mark.parametrize(
    "files",
    [
        '[files]\nformat = "icos_csv"',
        '[files]\nformat = "icos_csv"\ntime_columns = ["t"]',
        '[files]\nformat = "csv"\nstart = "%Y"\nheader_rows = 0\ncolumns = ["a"]',
        '[files]\nformat = "tob3"\nstamps = "start"',
    ],
)
def test_what_fits_is_taken(files: str) -> None:
    check_formats(parse_station(f"{FILE}\n{files}\n", "a.toml"), "a.toml")


def test_senml_has_no_blocks() -> None:
    stream = stream_text("senml-json").replace('kind = "reading"\ninterval = 60', 'kind = "block"\nrate = 1')
    with pytest.raises(ConfigError, match=r"stream\[0\].format: expected a format of a stream of kind block"):
        check_formats(parse_station(HEAD + stream, "a.toml"), "a.toml")


def test_every_mistake_is_told() -> None:
    text = FILE.replace('format = "senml-json"', 'format = "x"').replace('format = "campbell-geojson"', 'format = "y"')
    with pytest.raises(ConfigError) as caught:
        check_formats(parse_station(text, "a.toml"), "a.toml")
    keys = [caught.value.key, *(error.key for error in caught.value.more)]
    assert keys == [f"stream[{index_of(name)}].format" for name in ("senml-json", "geojson")]


def test_the_page_of_messages_says_what_the_rows_say() -> None:
    stated = re.findall(
        r"^\| `(\S+)` \| (.*) \| (start|end) \| (stated|logger's) \| (yes|no) \|$", MQTT_PAGE, re.MULTILINE
    )
    rows = [
        (
            name,
            ", ".join(row.kinds),
            row.stamps,
            "logger's" if row.local_times else "stated",
            "yes" if row.states_units else "no",
        )
        for name, row in FORMATS.own.items()
    ]
    assert stated == rows


def test_the_page_of_the_station_file_has_every_format() -> None:
    messages, files = (line for line in STATION_PAGE.splitlines() if line.startswith("| `format` |"))
    assert [name for name in FORMATS.own if f"`{name}`" not in messages] == []
    assert [name for name in FILE_FORMATS.own if f"`{name}`" not in files] == []
