"""The pages in a real browser: values change while one looks, languages, light, phone, pictures."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from core.settings import Settings
from core.store import Store
from deploy.native.browser import BROWSER_FLAGS, browser_command
from tests.api import tower
from tests.api.conftest import serving
from tests.api.tower import ID, START
from tests.waiting import PATIENCE, SOON

pytestmark = [pytest.mark.integration, pytest.mark.browser]

END = START + timedelta(days=3)
RUN_FIGURES = 6  # the sum; NEE by day and hour, measured and filled; NEE_F, RECO, GPP
FIGURES = 10  # FC, LE, H, USTAR; the sum, NEE_F, RECO, GPP; two traces
expect.set_options(timeout=1000 * PATIENCE)


@pytest.fixture(scope="module")
def browser(running: Settings) -> Iterator[Browser]:
    program, environment = browser_command(Settings())  # type: ignore[call-arg]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, env=dict(environment), args=list(BROWSER_FLAGS), headless=True
        )
        yield browser
        browser.close()


@pytest.fixture
def pictures(running: Settings) -> Path:
    """Folder for pictures of the pages, to be looked at."""
    folder = Settings().var / "screenshots"  # type: ignore[call-arg]
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def page(browser: Browser, address: str, registered: Store) -> Iterator[Page]:
    """A page with three days of fluxes, readings and ten minutes of samples; any error in it fails the test."""
    tower.put_days(registered, 3)
    blocks = [tower.block(END - timedelta(seconds=600 - 10 * i)) for i in range(60)]
    readings = [tower.reading(START + timedelta(minutes=10 * i), 20.0 + i % 7) for i in range(432)]
    registered.messages.commit(blocks, readings, [])
    with _opened(browser, address, viewport={"width": 1280, "height": 900}) as page:
        yield page


class _opened:
    """A browser page that collects what goes wrong in it."""

    def __init__(self, browser: Browser, address: str, **options: Any) -> None:
        self._context = browser.new_context(base_url=address, locale="en-GB", accept_downloads=True, **options)
        self._context.set_default_timeout(1000 * PATIENCE)
        self._problems: list[str] = []

    def __enter__(self) -> Page:
        page = self._context.new_page()
        page.on("pageerror", lambda error: self._problems.append(str(error)))
        page.on("console", lambda line: self._problems.append(line.text) if line.type == "error" else None)
        page.on("request", lambda request: self._foreign(request.url))
        return page

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._context.close()
        if error is None:
            assert self._problems == []

    def _foreign(self, url: str) -> None:
        if not re.match(r"(http://127\.0\.0\.1:|blob:|data:)", url):
            self._problems.append(f"asked {url}")


def _value(page: Page, variable: str) -> Any:
    return (
        page.locator(".readouts > div")
        .filter(has=page.locator(f'dt span:text-is("{variable}")'))
        .first.locator(".value")
    )


def test_a_channel_without_values_is_named_until_it_has_one(page: Page, registered: Store) -> None:
    lost = [tower.reading(END + timedelta(minutes=i), 20.0, math.nan) for i in range(11)]
    registered.messages.commit([], lost, [])
    page.goto(f"/station/{ID}")
    line = page.locator(".stream header", has_text="met")
    expect(line).to_contain_text("no values of RH (last ")
    expect(line).not_to_contain_text("TA")
    registered.messages.commit([], [tower.reading(END + timedelta(minutes=11), 20.0, 51.0)], [])
    expect(line).not_to_contain_text("no values", timeout=1000 * SOON)


def test_values_change_while_one_looks(page: Page, registered: Store, pictures: Path) -> None:
    page.goto(f"/station/{ID}")
    expect(page.locator("h1")).to_contain_text("Test forest")
    expect(_value(page, "TA")).to_have_text("24.00")  # 431 % 7 = 4
    expect(page.locator("#state")).to_contain_text("last message")
    expect(page.locator("#state")).to_contain_text("data of 2026-07-04 07:5")
    expect(page.locator("figure canvas")).to_have_count(FIGURES)
    expect(page.locator("#table tbody tr")).to_have_count(48)
    page.screenshot(path=pictures / "station.png", full_page=True)

    registered.messages.commit([tower.block(END, first=7.0)], [tower.reading(END, 31.5)], [])
    expect(_value(page, "TA")).to_have_text("31.50", timeout=1000 * SOON)
    expect(page.locator(".stream header", has_text="met")).not_to_contain_text("no values")
    expect(_value(page, "U")).to_have_text("106.0", timeout=1000 * SOON)
    expect(page.locator("#state")).to_contain_text("data of 2026-07-04 08:00:09", timeout=1000 * SOON)

    reason = "steady state 120 %"
    tower.put_flux(registered, tower.flux(END, {"FC_SSITC_TEST": reason}, FC=-33.25, FC_SSITC_TEST=2.0))
    newest = page.locator("#table tbody tr").first
    expect(newest).to_contain_text("−33.25", timeout=1000 * SOON)
    expect(newest).to_contain_text(reason)
    expect(page.locator("#newest-flux")).to_contain_text("bad")


def test_the_pointer_tells_value_unit_flag_and_reason(page: Page) -> None:
    page.goto(f"/station/{ID}")
    figure = page.locator("figure").first
    expect(figure.locator("canvas")).to_be_visible()
    told = _hovered(page, figure)
    assert re.search(r"2026-07-0\d \d\d:\d\d–\d\d:\d\d\s+FC −?\d+\.\d+ µmol m⁻² s⁻¹", told)
    assert f"usable: {tower.REASON}" in told
    assert f"bad: {tower.REASON}" in told
    assert "good" in told


def test_state_is_in_the_address(page: Page) -> None:
    page.goto(f"/station/{ID}?period=1d")
    expect(page.locator("#shown")).to_contain_text("2026-07-03 08:00 – 2026-07-04 08:00 UTC+08:00")
    page.locator("#earlier").click()
    expect(page).to_have_url(re.compile(r"period=1d&from=2026-07-02T00"))
    page.get_by_label("Channel").first.select_option("Ts")
    expect(page).to_have_url(re.compile(r"ec\.channel=Ts"))
    expect(page.get_by_text("Raw trace T_SONIC")).to_be_visible()

    page.get_by_text("中文", exact=True).click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans")
    expect(page).to_have_url(re.compile(r"period=1d&from=2026-07-02T00.*ec\.channel=Ts&lang=zh"))
    expect(page.get_by_text("原始序列 T_SONIC")).to_be_visible()
    page.get_by_text("UTC", exact=True).click()
    expect(page.locator("#shown")).to_contain_text("2026-07-02 00:00 – 2026-07-03 00:00 UTC")
    page.locator("#newest").click()
    expect(page.locator("#shown")).to_contain_text("2026-07-03 00:00 – 2026-07-04 00:00 UTC")
    assert "from=" not in page.url


def test_dragging_over_a_figure_chooses_the_period(page: Page) -> None:
    page.goto(f"/station/{ID}")
    over = page.locator("figure").first.locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 40, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"from=2026-07-01T1\d.*to=2026-07-02T1\d"))


def test_figures_can_be_taken_away(page: Page) -> None:
    page.goto(f"/station/{ID}")
    figure = page.locator("figure").first
    expect(figure.locator("canvas")).to_be_visible()
    with page.expect_download() as picture:
        figure.get_by_text("PNG").click()
    assert picture.value.suggested_filename == f"{ID}_FC.png"
    assert Path(picture.value.path()).read_bytes().startswith(b"\x89PNG")
    with page.expect_download() as data:
        figure.get_by_text("CSV").click()
    header, first, *_ = Path(data.value.path()).read_text().splitlines()
    assert header == "TIMESTAMP_START,TIMESTAMP_END,FC,FC_SSITC_TEST"
    assert first.startswith("202607010800,202607010830,")


def test_chinese_on_a_phone_in_the_dark(page: Page, browser: Browser, address: str, pictures: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "color_scheme": "dark"}
    with _opened(browser, address, **phone) as small:
        small.goto(f"/station/{ID}?lang=zh")
        expect(small.locator("h1")).to_contain_text("试验森林站")
        expect(small.locator("figure canvas")).to_have_count(FIGURES)
        assert small.evaluate("document.documentElement.scrollWidth") <= 390
        background = small.evaluate("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, re.findall(r"\d+", background)[:3])) < 60
        small.screenshot(path=pictures / "station-phone-zh-dark.png", full_page=True)


def test_an_empty_station_says_why_and_what_to_do(
    browser: Browser, address: str, registered: Store, pictures: Path
) -> None:
    with _opened(browser, address) as page:
        page.goto(f"/station/{ID}")
        expect(page.get_by_text("No flux yet.").first).to_contain_text("fluxtower status")
        expect(page.get_by_text("No samples yet.")).to_contain_text("fluxtower replay")
        expect(page.get_by_text("no message yet").first).to_be_visible()
        expect(page.get_by_text("No season run yet.")).to_contain_text(f"fluxtower season {ID}")
        expect(page.get_by_text("Not filled yet.")).to_be_visible()
        expect(page.locator("#season figure:visible")).to_have_count(1)
        page.screenshot(path=pictures / "station-empty.png", full_page=True)


def _hovered(page: Page, figure: Any) -> str:
    """All that a figure says while the pointer moves over it, a half-hour's width or less at a time."""
    over = figure.locator(".u-over")
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box
    seen = []
    for x in range(0, int(box["width"]), 6):
        page.mouse.move(box["x"] + x, box["y"] + 20)
        seen.append(figure.locator(".hover").inner_text())
    return "\n".join(dict.fromkeys(seen))


def test_the_season_of_a_station(page: Page, registered: Store) -> None:
    page.goto(f"/station/{ID}?tz=utc")
    season = page.locator("#season")
    expect(season).to_contain_text("USTAR_THRESHOLD no threshold in 50 complete records of the night")
    course, filled, reco, gpp = (season.locator("figure").nth(i) for i in range(4))
    expect(gpp.locator("canvas")).to_be_visible()
    told = _hovered(page, course)
    # 1.5 gC m-2 a day are taken up, 0.25 are not sure
    assert told.splitlines()[-1] == "2026-07-04 00:00 NEE_F −4.50 ± 0.750 gC m⁻²"
    assert "2026-07-02 00:00 NEE_F −1.50 ± 0.250 gC m⁻²" in told
    told = _hovered(page, filled)
    assert re.search(
        r"2026-07-02 0\d:\d\d–0\d:\d\d\s+NEE −?\d+\.\d+ µmol m⁻² s⁻¹\s+filled: from 9 similar intervals within 14 d",
        told,
    )
    assert "good: measured" in told
    # respiration is 4 and a half of the sun; there is no day-time one, of uptake there are both
    assert re.search(r"RECO_NT 4\.\d+, RECO_DT – µmol m⁻² s⁻¹", _hovered(page, reco))
    assert re.search(r"GPP_NT \d+\.\d+, GPP_DT \d+\.\d+ µmol m⁻² s⁻¹", _hovered(page, gpp))
    with page.expect_download() as data:
        course.get_by_text("CSV").click()
    assert data.value.suggested_filename.startswith(f"{ID}_NEE_F-sum-run")
    assert Path(data.value.path()).read_text().splitlines()[:3] == [
        "end,NEE_F,NEE_F_JOINTUNC", ",gC m-2,gC m-2", "2026-07-02T00:00:00+00:00,-1.5,0.25",
    ]  # fmt: skip
    with page.expect_download() as data:
        gpp.get_by_text("CSV").click()
    assert Path(data.value.path()).read_text().startswith("TIMESTAMP_START,TIMESTAMP_END,GPP_NT,GPP_DT\n")

    newer = tower.put_run(
        registered, tower.filled_days(3), provenance={"not_done": {"RECO_NT": "three windows are needed"}}
    )
    page.locator("#period").select_option("1d")
    expect(page.locator("#newer")).to_contain_text(f"Run {newer} was made since this page was opened.")
    page.get_by_text("Show it").click()
    expect(page.locator("#season > header")).to_contain_text(f"Run {newer}")
    expect(season).to_contain_text("This run does not say how its sum grew.")
    expect(page.locator("#newer")).to_be_empty()


def test_a_run_has_a_page_of_its_own(page: Page, registered: Store, pictures: Path) -> None:
    page.goto(f"/station/{ID}?tz=utc")
    page.locator("#season > header").get_by_role("link").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+\?tz=utc$"))
    expect(page.locator("h1")).to_contain_text("Season Run")
    expect(page.locator("figure canvas")).to_have_count(RUN_FIGURES)
    expect(page.locator("#shown")).to_have_text("2026-07-01 00:00 – 2026-07-04 00:00 UTC")
    expect(page.locator("#period")).to_have_value("30d")
    with page.expect_download() as data:
        page.get_by_role("link", name="Parquet").click()
    assert "provisional-run" in data.value.suggested_filename
    page.screenshot(path=pictures / "run.png", full_page=True)
    page.locator("#period").select_option("1d")
    expect(page).to_have_url(re.compile(r"period=1d"))
    page.locator("#earlier").click()
    expect(page.locator("#shown")).to_have_text("2026-07-02 00:00 – 2026-07-03 00:00 UTC")
    for _ in range(3):
        page.locator("#earlier").click()
    expect(page.locator("#shown")).to_have_text("2026-06-29 00:00 – 2026-06-30 00:00 UTC")  # nothing is there
    page.get_by_text("All runs of the station").click()
    expect(page.locator("#runs tbody tr")).to_have_count(1)
    page.screenshot(path=pictures / "runs.png")
    page.locator("#runs a").first.click()
    expect(page.locator("h1")).to_contain_text("Season Run")


def test_a_run_at_a_glance(page: Page) -> None:
    page.goto(f"/station/{ID}")
    page.locator("#season > header").get_by_role("link").click()
    measured, filled = page.locator("#course figure").nth(1), page.locator("#course figure").nth(2)
    expect(filled.locator("canvas")).to_be_visible()

    def at(figure: Any, day: float, hour: float) -> tuple[str, list[int]]:
        """What the pointer is told there, and the colour; four days are shown, from midnight of the 1st of July."""
        over = figure.locator(".u-over")
        over.scroll_into_view_if_needed()
        box = over.bounding_box()
        x, y = day / 4 * box["width"], (1 - hour / 24) * box["height"]
        page.mouse.move(box["x"] + x, box["y"] + y)
        pixel = """([canvas, inner, x, y]) => {
            const outer = canvas.getBoundingClientRect();
            return [...canvas.getContext("2d").getImageData(inner.x - outer.x + x, inner.y - outer.y + y, 1, 1).data];
        }"""
        canvas = figure.locator("canvas").element_handle()
        data = page.evaluate(pixel, [canvas, box, x, y])
        return figure.locator(".hover").inner_text(), data[:3]

    noon, blue = at(filled, 1.5, 12.25)
    assert re.search(r"2026-07-02 12:00–12:30\s+NEE −1\d\.\d+ µmol m⁻² s⁻¹", noon)
    assert blue[1] > blue[0] + 40  # green-blue: uptake
    night, brown = at(filled, 1.5, 23.25)
    assert re.search(r"2026-07-02 23:00–23:30\s+NEE \d\.\d+", night)
    assert brown[0] > brown[2] + 20
    # the sixth hour of UTC's second day begins a gap of six hours
    missing, grey = at(measured, 1.5, 15.25)
    assert re.search(r"2026-07-02 15:00–15:30\s+missing", missing)
    assert max(grey) - min(grey) < 10
    assert "NEE −" in at(filled, 1.5, 15.25)[0]


def test_a_poor_run_says_why_its_figures_are_empty(browser: Browser, address: str, registered: Store) -> None:
    product = tower.filled_days(2).drop("RECO_NT", "GPP_NT", "GPP_DT")
    reasons = {"RECO_NT": "three windows are needed", "RECO_DT": "there is no VPD"}
    number = tower.put_run(registered, product, provenance={"not_done": reasons})
    with _opened(browser, address) as page:
        page.goto(f"/runs/{number}")
        for part in ("RECO", "GPP"):
            expect(page.locator("#season-figures")).to_contain_text(
                f"{part} could not be computed: NT: three windows are needed; DT: there is no VPD"
            )
        page.goto(f"/runs/{number}?from=2026-06-01T00:00:00Z&to=2026-06-02T00:00:00Z")
        expect(page.locator("#season-figures")).to_contain_text(f"Run {number} has no half-hour in this period.")


def test_a_run_in_chinese_on_a_phone_in_the_dark(page: Page, browser: Browser, address: str, pictures: Path) -> None:
    page.goto(f"/station/{ID}")
    link = page.locator("#season > header").get_by_role("link").get_attribute("href")
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "color_scheme": "dark"}
    with _opened(browser, address, **phone) as small:
        for path, name in ((f"{link}?lang=zh", "run"), (f"/station/{ID}/runs?lang=zh", "runs")):
            small.goto(path)
            expect(small.locator("h1")).to_contain_text("全季")
            if name == "run":
                expect(small.locator("figure canvas")).to_have_count(RUN_FIGURES)
            assert small.evaluate("document.documentElement.scrollWidth") <= 390
            small.screenshot(path=pictures / f"{name}-phone-zh-dark.png", full_page=True)


def test_the_list_shows_who_needs_care(browser: Browser, address: str, registered: Store, pictures: Path) -> None:
    registered.stations.put(tower.STATION.replace(ID, "cn-quiet"), "quiet.toml")
    with _opened(browser, address) as page:
        page.goto("/")
        row = page.locator(f'tr[data-station="{ID}"]')
        expect(row.locator(".state")).to_have_text("never sent")
        registered.messages.commit([], [tower.reading(START, 20.0)], [])
        expect(row.locator(".state")).to_have_text("on time", timeout=1000 * SOON)
        expect(row.locator(".age")).to_have_text(re.compile(r"\d s ago"))
        expect(row.locator(".time")).to_have_text("2026-07-01 08:00 UTC+08:00")
        page.screenshot(path=pictures / "stations.png")
        row.get_by_role("link").click()
        expect(page.locator("h1")).to_contain_text("Test forest")


def test_logging_in_and_signing_a_review(browser: Browser, address: str, registered: Store, pictures: Path) -> None:
    registered.access.add_account("li.hua", "reviewer", [ID], password="a long enough one")
    registered.messages.commit([], [tower.reading(START, 20.0), tower.reading(START + timedelta(days=40), 20.0)])
    tower.put_flux(registered, tower.flux(START, FC=1.0))
    with _opened(browser, address, viewport={"width": 1280, "height": 900}) as page:
        page.goto(f"/login?next=/station/{ID}/review")
        page.get_by_label("Name").fill("li.hua")
        page.get_by_label("Password").fill("a long enough one")
        page.screenshot(path=pictures / "login.png")
        page.get_by_role("main").get_by_role("button", name="Log in").click()
        form = page.locator("#sign")
        form.get_by_label("met.TA").check()
        form.get_by_label("Reason").fill("seen")
        form.get_by_role("button", name="Sign as li.hua").click()
        expect(page.locator("#reviews tbody tr")).to_have_count(1)
        expect(page.locator("#states td", has_text="◐")).to_have_count(1)
        page.screenshot(path=pictures / "review.png", full_page=True)
        page.goto(f"/station/{ID}/review?lang=zh&theme=dark")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.screenshot(path=pictures / "review-phone-zh-dark.png", full_page=True)
        page.get_by_role("button", name="退出").click()
        expect(page.get_by_role("link", name="登录")).to_be_visible()


def test_pages_live_under_a_prefix(browser: Browser, settings: Settings, registered: Store) -> None:
    tower.put_days(registered, 2)
    registered.messages.commit([], [tower.reading(START, 20.0)], [])
    origin = f"http://127.0.0.1:{settings.api_port}"
    with serving(settings.model_copy(update={"public_url": f"{origin}/flux"})), _opened(browser, origin) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto("/flux/")
        page.locator(f'a[href="/flux/station/{ID}"]').click()
        expect(_value(page, "TA")).to_have_text("20.00")
        expect(page.locator("#table tbody tr")).to_have_count(48)
        registered.messages.commit([], [tower.reading(START + timedelta(minutes=1), 31.5)], [])
        expect(_value(page, "TA")).to_have_text("31.50", timeout=1000 * SOON)
        page.goto("/flux/runs/1")
        expect(page.locator("figure canvas").first).to_be_visible()
        page.goto("/flux/api/v1/docs")
        expect(page.locator("pre").first).to_be_hidden()
        page.locator("details summary").first.click()
        expect(page.locator("pre").first).to_contain_text('"timescaledb"')
    assert len(asked) > 20
    assert [url for url in asked if not url.startswith((f"{origin}/flux/", "blob:", "data:"))] == []
