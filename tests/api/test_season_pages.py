"""What the pages say of seasons, as the server sends it: sums, thresholds, reasons, inputs, downloads, lists."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

import httpx
import polars as pl
import pytest

from api.web.seasons import PageClock, downloads_of, number_text, unit_text
from core.frames import PRODUCT_COLUMNS
from core.store import RunRow, Store
from tests.api import tower
from tests.api.tower import HALF_HOUR, ID, START

SAID = {
    "inputs": {
        "fluxes": {"records": 48, "config_sha256": ["c" * 64, "d" * 64]},
        "sha256": "a" * 64,
        "meteorology": None,
    },
    "sums": {
        "NEE_F": {"value": -312.46, "unit": "gC m-2", "random": 3.0, "filling": 4.0, "ustar": 12.0, "joint": 13.0},
        "RECO_DT": {"value": None, "unit": "gC m-2", "random": None, "filling": None, "ustar": None, "joint": None},
        "LE_F": {"value": 15.5, "unit": "MJ m-2", "random": 0.25, "filling": None, "ustar": None, "joint": 0.25},
    },
    "thresholds": [
        {"kind": "season", "value": 0.21, "year": 2026, "season": 1, "percentile": None},
        {"kind": "season", "value": 0.148, "year": 2026, "season": 3, "percentile": None},
        {"kind": "year", "value": 0.3, "year": 2026, "season": None, "percentile": None},
        {"kind": "year", "value": 0.4, "year": 2026, "season": None, "percentile": 95.0},
    ],
    "E0": 212.5,
    "not_done": {"GPP_DT": "there is no VPD"},
    "notes": ["NEE is FC"],
    "problems": ["the clock is an hour late"],
}


def a_run(**more: object) -> RunRow:
    given: dict[str, object] = {
        "id": 7, "station": ID, "kind": "season", "first": START, "last": START + 47 * HALF_HOUR, "intervals": 48,
        "minutes": 30, "config_sha256": "c" * 64, "code_version": "1", "methods": {"ustar": "seasonal"},
        "started": START, "finished": START, "further": (), "provenance": SAID,
    }  # fmt: skip
    return RunRow(**{**given, **more})  # type: ignore[arg-type]


def text_of(page: httpx.Response) -> str:
    """What a reader sees: without scripts and marks of the language, white space as one."""
    assert page.status_code == 200
    html = re.sub(r"<script.*?</script>", "", page.text, flags=re.S)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


@pytest.mark.parametrize(
    ("filtered_by", "shown"),
    [([0.148, 0.21, 0.3], "0.15–0.30"), ([0.25, 0.25, 0.25], "0.25"), ([float("nan")] * 3, None)],
)
def test_the_range_of_thresholds_is_what_filtered_the_half_hours(
    client: httpx.Client, registered: Store, filtered_by: list[float], shown: str | None
) -> None:
    """A season without a threshold of its own was filtered by its year's, 0.3: no season is published with that."""
    starts = [START + i * HALF_HOUR for i in range(3)]
    product = pl.DataFrame({"start": starts, "NEE_F": [1.0, 2.0, 3.0], "USTAR_THRESHOLD": filtered_by})
    number = tower.put_run(registered, product, kind="season", provenance=SAID)
    text = text_of(client.get(f"/runs/{number}?lang=en"))
    assert (f"USTAR_THRESHOLD {shown} m s⁻¹" in text) if shown else "NEE is not filtered by u*" in text


def test_a_long_run_is_downloaded_in_parts_that_can_be_answered() -> None:
    assert downloads_of(a_run()) == [""]
    assert downloads_of(a_run(first=None, last=None)) == []
    series = len(PRODUCT_COLUMNS) - 1
    further = tuple(f"NEE_{i}" for i in range(200 - series))
    year = a_run(last=START + 17519 * HALF_HOUR, intervals=17520, further=further)
    first, second = downloads_of(year)  # 17520 x 200 values, two million at once
    assert first == "&from=2026-07-01T00:00Z&to=2026-12-30T12:00Z"
    assert second == "&from=2026-12-30T12:00Z&to=2027-07-01T00:00Z"


def test_times_numbers_and_units_of_the_pages() -> None:
    moment = datetime(2026, 7, 1, 20, 5, tzinfo=UTC)
    local, west, utc = PageClock("local", 8.0), PageClock("local", -3.5), PageClock("utc", 8.0)
    assert (local(moment), local.name) == ("2026-07-02 04:05", "UTC+08:00")
    assert (west(moment), west.name) == ("2026-07-01 16:35", "UTC−03:30")
    assert (utc(moment), utc.name) == ("2026-07-01 20:05", "UTC")
    assert [number_text(value) for value in (None, -312.46, 1234.5, 4.256, -0.0421)] == [
        "–", "−312.5", "1234", "4.26", "−0.042",
    ]  # fmt: skip
    assert (unit_text("gC m-2"), unit_text("MJ m-2"), unit_text("mm")) == ("gC m⁻²", "MJ m⁻²", "mm")


@pytest.mark.integration
def test_a_run_tells_what_it_was_made_of(client: httpx.Client, registered: Store) -> None:
    number = tower.put_run(registered, tower.filled_days(1), kind="season", provenance=SAID)
    text = text_of(client.get(f"/runs/{number}?tz=utc"))
    for says in (
        f"Run {number}", "made on demand", "2026-07-01 00:00 – 2026-07-02 00:00 UTC", "48 intervals",
        "NEE_F −312.5 ± 13.00 gC m⁻²", "RECO_DT – gC m⁻² no sum: records without a value", "GPP_DT there is no VPD",
        "NEE_F −312.5 13.00 3.00 4.00 12.00 gC m⁻²", "LE_F 15.50 0.250 0.250 – – MJ m⁻²",
        "season 2026003 0.148 m s⁻¹", "year 2026 95 % 0.400 m s⁻¹", "E0 212.500 K",
        "gap filling mds", "fluxes.records 48",
        f"fluxes.config_sha256 {'c' * 64}, {'d' * 64}", "the clock is an hour late", "NEE is FC",
    ):  # fmt: skip
        assert says in text, says
    chinese = text_of(client.get(f"/runs/{number}?lang=zh"))
    assert "净生态系统 CO2 交换" in chinese
    assert "u* 阈值 季节 2026001 0.210 m s⁻¹" in chinese
    assert "未得出的结果及原因 GPP_DT" in chinese
    assert "2026-07-01 08:00 – 2026-07-02 08:00 UTC+08:00" in chinese
    links = re.findall(r'href="(/[^"]*)"', client.get(f"/runs/{number}?tz=utc").text)
    assert f"/station/{ID}?tz=utc" in links
    for link in links:
        assert client.get(unescape(link)).status_code == 200, link


@pytest.mark.integration
def test_downloads_of_a_run_are_whole(client: httpx.Client, registered: Store) -> None:
    number = tower.put_run(registered, tower.filled_days(2))
    (link,) = re.findall(r'href="([^"]*format=csv[^"]*)"', client.get(f"/runs/{number}").text)
    lines = client.get(unescape(link)).text.splitlines()
    assert (len(lines), lines[1][:25]) == (97, "202607010800,202607010830")


@pytest.mark.integration
def test_a_poor_run_is_told_too(client: httpx.Client, registered: Store) -> None:
    number = tower.put_run(registered, tower.filled_days(1).clear())
    text = text_of(client.get(f"/runs/{number}"))
    assert "0 intervals" in text
    assert "Nothing was kept of the inputs" in text
    assert "NEE is not filtered by u*" in text
    assert "CSV" not in text


@pytest.mark.integration
def test_the_station_tells_its_newest_season(client: httpx.Client, registered: Store) -> None:
    assert f"make one now with: fluxtower season {ID}" in text_of(client.get(f"/station/{ID}"))
    on_demand = tower.put_run(registered, tower.filled_days(1), kind="season")
    assert f"made on demand Run {on_demand}" in text_of(client.get(f"/station/{ID}"))
    tower.put_run(registered, tower.filled_days(1))
    provisional = tower.put_run(registered, tower.filled_days(2))
    text = text_of(client.get(f"/station/{ID}"))
    assert f"made on demand Run {on_demand}" in text  # what somebody asked for is not hidden by what is made anew daily
    assert f"A newer provisional run exists: Run {provisional} · made" in text
    newest = tower.put_run(registered, tower.filled_days(2), kind="season")
    text = text_of(client.get(f"/station/{ID}"))
    assert f"2026-07-01 08:00 – 2026-07-03 08:00 UTC+08:00 made on demand Run {newest}" in text
    assert "A newer provisional run exists" not in text


@pytest.mark.integration
def test_the_station_tells_its_running_season_where_nobody_kept_one(client: httpx.Client, registered: Store) -> None:
    tower.put_run(registered, tower.filled_days(1))
    newest = tower.put_run(registered, tower.filled_days(2))
    text = text_of(client.get(f"/station/{ID}"))
    assert f"2026-07-01 08:00 – 2026-07-03 08:00 UTC+08:00 provisional: made anew every day Run {newest}" in text


@pytest.mark.integration
def test_a_season_that_fails_says_why(client: httpx.Client, registered: Store) -> None:
    tower.fail_season(registered)
    for path in (f"/station/{ID}", f"/station/{ID}/runs"):
        assert "The running season cannot be made: no grid attempts: 3, the last 2026-07-03 20:00 UTC+08:00" in text_of(
            client.get(path)
        )


@pytest.mark.integration
def test_the_list_of_runs_goes_on(client: httpx.Client, registered: Store) -> None:
    assert "No season run yet" in text_of(client.get(f"/station/{ID}/runs"))
    product = pl.DataFrame({"start": [START], "NEE_F": [1.0]})
    numbers = [tower.put_run(registered, product, provenance=SAID) for _ in range(53)]
    first = client.get(f"/station/{ID}/runs?lang=en&tz=utc")
    shown = [int(number) for number in re.findall(r'href="/runs/(\d+)\?lang=en&amp;tz=utc"', first.text)]
    assert shown == numbers[:2:-1]
    row = f"{numbers[-1]} provisional 2026-07-01 00:00 – 2026-07-01 00:30 1 −312.5 ± 13.00 gC m⁻²"
    assert row in text_of(first)
    (older,) = re.findall(r'href="(\?[^"]*before=[^"]*)"', first.text)
    second = client.get(f"/station/{ID}/runs{unescape(older)}")
    assert [int(number) for number in re.findall(r'href="/runs/(\d+)', second.text)] == numbers[2::-1]
    assert "Older runs" not in second.text


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/runs/999999", "/station/nope/runs", "/runs/x", f"/station/{ID}/runs?before=x"])
def test_mistakes_are_pages(client: httpx.Client, registered: Store, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"].startswith("text/html")
    assert "What to do" in answer.text or "All stations" in answer.text
