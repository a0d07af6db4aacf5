"""Formats and methods of other packages: one that is really installed, and broken ones that stop nothing else."""

from __future__ import annotations

import csv
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, PayloadError, ProcessingError
from core.extensions import find_extensions
from core.records import Reading, Samples
from core.settings import ROOT, Settings
from core.station import Station, parse_station
from core.store import Store
from fluxcalc.halfhour.steps import REGISTRIES, check_methods, outside_methods, process
from ingest.collector import service
from ingest.files import raw
from ingest.formats import check_formats
from ingest.mqtt.publisher import Publisher
from ingest.payloads import FORMATS, decode
from ingest.sources import Sources
from tests.fluxcalc.reference import STATIONS
from tests.fluxcalc.samples import turbulence
from tests.ingest.foreign import FILE, HEAD
from tests.waiting import PATIENCE, wait_for

PACKAGE = "fluxtower-toy 0.3.1"
START, END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
STREAMS = """
[[stream]]
name = "met"
kind = "reading"
interval = 60
topic = "{topic}/met"
format = "toy-line"
channels = [{{ name = "TA", variable = "TA", unit = "deg C" }}]

[[stream]]
name = "fast"
kind = "block"
rate = 1
topic = "{topic}/fast"
format = "toy-line"
stamps = "start"
channels = [{{ name = "w", variable = "W", unit = "m s-1" }}]
"""
NUMBERS = itertools.count()
"""Names of packages that are imported once only."""
SYNTHETIC = (STATIONS / "synthetic.toml").read_text().replace("averaging_minutes = 30", "averaging_minutes = 1")


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder into which pip has installed the toy package, as `pip install` does it for an institute."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
    command += ["--no-deps", "--no-build-isolation", "--target", str(folder), str(ROOT / "tests" / "toy_package")]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder


@pytest.fixture
def fluxtower(toy: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command, where the toy package is installed."""

    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fluxtower", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(toy)}
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)

    return call


def in_python(toy: Path, code: str) -> str:
    """What Python says to some code where the toy package is installed."""
    environment = {**os.environ, "PYTHONPATH": f"{toy}:{ROOT}"}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_station_check_knows_them_and_says_whose_they_are(
    tmp_path: Path, fluxtower: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    path = tmp_path / "toy.toml"
    path.write_text(
        SYNTHETIC
        + STREAMS.format(topic="toy")
        + '\n[files]\nformat = "toy_rows"\n[flux.methods]\ndespike = "toy_clip"\n'
    )
    result = fluxtower("station", "check", path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        f"{path}: valid",
        f"    stream[1].format toy-line: {PACKAGE}",
        f"    stream[2].format toy-line: {PACKAGE}",
        f"    files.format toy_rows: {PACKAGE}",
        f"    despike toy_clip: {PACKAGE}",
    ]


def test_choices_that_are_listed_have_them_at_their_end(
    tmp_path: Path, fluxtower: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    path = tmp_path / "toy.toml"
    text = SYNTHETIC + STREAMS.format(topic="toy").replace("toy-line", "toy-lines", 1)
    path.write_text(text + '[files]\nformat = "toy"\n')
    result = fluxtower("station", "check", path)
    first, second = result.stderr.splitlines()
    line = 1 + text[: text.index('"toy-lines"')].count("\n")
    own = ", ".join(FORMATS.own)
    expected = f"stream[1].format: expected one of {own}, toy-line, got 'toy-lines' (and 1 more)"
    assert first == f"error: {path}: line {line}: {expected}"
    assert second.endswith(f"files.format: expected one of {', '.join(raw.FILE_FORMATS.own)}, toy_rows, got 'toy'")
    path.write_text(SYNTHETIC + '[flux.methods]\ndespike = "toy"\n')
    (only,) = fluxtower("station", "check", path).stderr.splitlines()
    assert only.endswith(
        f"flux.methods.despike: expected one of {', '.join(REGISTRIES['despike'].own)}, toy_clip, got 'toy'"
    )


def test_without_the_package_the_choices_are_ours() -> None:
    declared = parse_station(HEAD + STREAMS.format(topic="toy"), "toy.toml")
    with pytest.raises(ConfigError, match=r"stream\[0\].format: expected one of block, .*, got 'toy-line'"):
        check_formats(declared, "toy.toml")
    source = Sources({declared.id: declared}, "flux/v1").resolve("toy/met")
    with pytest.raises(PayloadError, match="format 'toy-line': no installed package has it"):
        decode(source, b"1782864000;TA=21.5", 0)


def toy_rows(path: Path, *, spike: float = 0.0) -> Path:
    """Two minutes at 20 Hz in the toy's format of files; ``spike`` is added to one sample of the vertical wind."""
    columns = turbulence(3, 2400)
    columns["Uz"][700] += spike
    table = np.column_stack([columns[name] for name in ("Ux", "Uy", "Uz", "Ts", "co2", "h2o", "Ta", "press")])
    first = 1_718_888_400_000_000_000
    path.write_text(
        "".join(
            f"{first + 50_000_000 * i} " + " ".join(f"{value:.6f}" for value in row) + "\n"
            for i, row in enumerate(table)
        )
    )
    return path


@pytest.mark.parametrize("workers", ["1", "2"])
def test_process_uses_its_files_and_its_method(
    tmp_path: Path, fluxtower: Callable[..., subprocess.CompletedProcess[str]], workers: str
) -> None:
    toy_rows(tmp_path / "a.rows", spike=4.0)
    variances = {}
    for method in ("none", "toy_clip"):
        station, output = tmp_path / "toy.toml", tmp_path / "out.csv"
        station.write_text(f'{SYNTHETIC}\n[files]\nformat = "toy_rows"\n[flux.methods]\ndespike = "{method}"\n')
        options = ["--station", station, "--output", output, "--full", "--workers", workers]
        result = fluxtower("process", tmp_path / "a.rows", *options)
        assert (result.returncode, result.stderr) == (0, ""), result.stderr
        rows = list(csv.DictReader(output.read_text().splitlines()))
        # 13:00 UTC is 14:00 at the station: the file's clock is UTC, as the format says
        assert [row["TIMESTAMP_START"] for row in rows] == ["202406201400", "202406201401"]
        assert f"files.format toy_rows: {PACKAGE}" in result.stdout
        assert (f"despike toy_clip: {PACKAGE}" in result.stdout) == (method == "toy_clip")
        variances[method] = [float(row["cov_ww"]) for row in rows]
    # the minute with the spike has less variance when it is clipped
    assert variances["toy_clip"][0] < variances["none"][0] - 1e-3
    assert variances["toy_clip"][1] == pytest.approx(variances["none"][1], rel=0.01)


@pytest.mark.integration
def test_the_collector_stores_its_messages(
    toy: Path, settings: Settings, store: Store, environment: dict[str, str]
) -> None:
    topic = settings.collector
    store.stations.put(HEAD.replace("cs/v2", f"{topic}/cs/v2") + STREAMS.format(topic=topic), "toy.toml")
    service.open_session(settings)
    command = [sys.executable, "-m", "fluxtower", "collector"]
    collector = subprocess.Popen(command, cwd=ROOT, env={**environment, "PYTHONPATH": str(toy)})
    try:
        with Publisher(settings.broker_url, settings.topic_root) as publisher:

            def arrived() -> int:
                publisher.publish(f"{topic}/met", b"1782864000;TA=21.5;RH=88")
                return store.readings.read("cn-foreign", "met", START, END).height

            wait_for(arrived)
            publisher.publish(f"{topic}/fast", b"1782864000;w=0.5\n1782864001;w=-0.25")
            publisher.publish(f"{topic}/met", b"no row")
            publisher.flush()
            begin = datetime(2026, 7, 1, tzinfo=UTC)
            wait_for(
                lambda: store.rejects.find() and store.samples.read("cn-foreign", "fast", begin, END.replace(year=2027))
            )
    finally:
        collector.terminate()
        collector.wait(PATIENCE)
    readings = store.readings.read("cn-foreign", "met", START, END)
    # a row is stamped at the END of its minute, and is stored at its START
    assert readings["time"].to_list() == [datetime(2026, 6, 30, 23, 59, tzinfo=UTC)]
    assert readings["TA"].to_list() == [21.5]
    samples = store.samples.read("cn-foreign", "fast", begin, begin.replace(second=2))
    assert samples.channels["w"].tolist() == [0.5, -0.25]
    (reject,) = store.rejects.find()
    assert reject.reason.startswith("no row like 1782864000;TA=21.5")


def test_a_record_names_the_package_of_its_method(toy: Path) -> None:
    text = SYNTHETIC + '[flux.methods]\ndespike = "toy_clip"\n'
    code = (
        "from core.station import parse_station\nfrom fluxcalc.worker.halfhours import describe_code\n"
        f"print(describe_code(parse_station({text!r}, 'a')))\nprint(describe_code(parse_station({SYNTHETIC!r}, 'a')))"
    )
    assert in_python(toy, code).splitlines() == [f"fluxtower 0.1.0, {PACKAGE} (despike toy_clip)", "fluxtower 0.1.0"]


def test_fuzzing_tries_its_examples(toy: Path) -> None:
    code = (
        "import json\nfrom benchmarks.fuzz import DECODERS, run\n"
        "names = [name for name in DECODERS if name.startswith('toy')]\n"
        "tallies = {name: run(name, 2000, 1) for name in names}\n"
        "print(json.dumps({name: [one.records, one.refused, one.other, one.faults] for name, one in tallies.items()}))"
    )
    tallies = json.loads(in_python(toy, code))
    assert set(tallies) == {"toy-line, example 0", "toy_rows, example 0"}
    for records, refused, other, faults in tallies.values():
        assert (other, faults, records + refused) == (0, [], 2000)
        assert min(records, refused) > 100


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Make a package with a module and entry points; what was found is forgotten afterwards."""

    def make(name: str, source: str, **groups: dict[str, str]) -> None:
        folder = tmp_path / name
        info = folder / f"{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (folder / f"{name}.py").write_text(source)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = [
            f"[fluxtower.{group}]\n" + "".join(f"{k} = {v}\n" for k, v in e.items()) for group, e in groups.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines))
        monkeypatch.syspath_prepend(folder)
        find_extensions.cache_clear()

    yield make
    find_extensions.cache_clear()


GOOD = """
from ingest.payloads.format import MessageFormat
def decode(source, payload, now_ns):
    raise KeyError("a mistake")
FORMAT = MessageFormat(decode, kinds=("reading",))
"""


def with_format(name: str) -> Station:
    text = STREAMS.format(topic="x").split("[[stream]]")[1].replace("toy-line", name)
    return parse_station(f"{HEAD}[[stream]]{text}", "a.toml")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("FORMAT = 'a text'", "expected a MessageFormat, got str"),
        ("", "AttributeError: module"),
        (GOOD.replace('("reading",)', '("readings",)'), "ValueError: kinds: expected some of 'block', 'reading'"),
        (GOOD.replace("MessageFormat(decode", "MessageFormat('x'"), "expected a function as decode, got str"),
    ],
)
def test_a_broken_package_is_named_and_stops_no_other_station(
    install: Callable[..., None], source: str, said: str
) -> None:
    name = f"broken{next(NUMBERS)}"
    install(name, source, formats={name: f"{name}:FORMAT"})
    declared = with_format(name)
    with pytest.raises(ConfigError) as caught:
        check_formats(declared, "a.toml")
    assert (caught.value.file, caught.value.key) == ("a.toml", "stream[0].format")
    assert said in caught.value.got
    assert f"{name!r} of the package {name} 1.2 to work" in caught.value.expected
    other = parse_station(FILE.replace("cn-foreign", "cn-other"), "b.toml")
    sources = Sources({declared.id: declared, other.id: other}, "flux/v1")
    with pytest.raises(PayloadError, match=f"format '{name}'"):
        decode(sources.resolve("x/met"), b"1", 0)
    (reading,) = decode(sources.resolve("serial/toa5"), b'"2026-07-01 00:30:00",7,21.77,55', 0)
    assert isinstance(reading, Reading)


def test_a_name_of_ours_stays_ours_and_the_clash_is_told(install: Callable[..., None]) -> None:
    install("thief", GOOD, formats={"senml-json": "thief:FORMAT"})
    declared = with_format("senml-json")
    with pytest.raises(
        ConfigError,
        match=r"'senml-json' of fluxtower and thief 1\.2: rename it in a package of yours, or remove one of these",
    ):
        check_formats(declared, "a.toml")
    # what is registered goes on as it was
    assert FORMATS["senml-json"] is FORMATS.own["senml-json"]
    check_formats(with_format("reading"), "a.toml")


def test_two_packages_of_one_name_are_told(install: Callable[..., None]) -> None:
    install("one", GOOD, formats={"twins": "one:FORMAT"})
    install("other", GOOD, formats={"twins": "other:FORMAT"})
    for ask in (lambda: check_formats(with_format("twins"), "a.toml"), lambda: FORMATS["twins"]):
        with pytest.raises(ConfigError, match=r"'twins' of (one 1\.2 and other|other 1\.2 and one) 1\.2: rename it"):
            ask()


def test_a_mistake_in_a_decoder_refuses_its_message(install: Callable[..., None]) -> None:
    install("mistaken", GOOD, formats={"mistaken": "mistaken:FORMAT"})
    declared = with_format("mistaken")
    check_formats(declared, "a.toml")
    source = Sources({declared.id: declared}, "flux/v1").resolve("x/met")
    with pytest.raises(PayloadError, match=r"format 'mistaken' of mistaken 1.2 fails: KeyError: .*a mistake") as caught:
        decode(source, b"1", 0)
    assert (caught.value.station, caught.value.topic) == ("cn-foreign", "cn-foreign/met/mistaken")


def test_records_of_another_station_are_refused(install: Callable[..., None]) -> None:
    source = GOOD.replace(
        'raise KeyError("a mistake")', 'return [Reading("cn-other", "met", 1782864000 * 10**9, {"TA": 1.0})]'
    )
    install("stranger", f"from core.records import Reading\n{source}", formats={"stranger": "stranger:FORMAT"})
    declared = with_format("stranger")
    meant = Sources({declared.id: declared}, "flux/v1").resolve("x/met")
    with pytest.raises(PayloadError, match=r"format 'stranger' of stranger 1\.2 fails: a record of station 'cn-other'"):
        decode(meant, b"1", 0)


def test_a_mistake_in_a_reader_of_files_refuses_its_file(install: Callable[..., None], tmp_path: Path) -> None:
    source = (
        "from ingest.files.format import FileFormat\ndef find(path, stream):\n    return {}['a mistake']\n"
        "def read(span, stream, start_ns, report):\n    yield\nFORMAT = FileFormat(find, read)\n"
    )
    install("reader", source, file_formats={"reader": "reader:FORMAT"})
    declared = parse_station(SYNTHETIC + '\n[files]\nformat = "reader"\n', "a.toml")
    check_formats(declared, "a.toml")
    (tmp_path / "x.dat").write_text("x")
    with pytest.raises(PayloadError, match=r"x.dat: format 'reader' of reader 1.2 fails: KeyError: .*a mistake"):
        raw.find_span(tmp_path / "x.dat", declared, "ec")


MINUTE = turbulence(3, 1200)
SAMPLES = Samples(1_718_888_400_000_000_000, 50_000_000, MINUTE)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import no_such_module", "ModuleNotFoundError"),
        ("step = 3", r"expected a function \(HalfHour, Station\) -> HalfHour, got int"),
        ("def step(half):\n    return half", r"expected a function \(HalfHour, Station\) -> HalfHour, got function"),
    ],
)
def test_a_broken_method_is_named(install: Callable[..., None], source: str, said: str) -> None:
    name = f"method{next(NUMBERS)}"
    install(name, source, methods={f"despike.{name}": f"{name}:step"})
    declared = parse_station(f'{SYNTHETIC}[flux.methods]\ndespike = "{name}"\n', "a.toml")
    with pytest.raises(ConfigError, match=f"flux.methods.despike: expected '{name}' of the package {name} 1.2.*{said}"):
        check_methods(declared, "a.toml")
    assert outside_methods(declared) == ((f"despike {name}", f"{name} 1.2"),)
    with pytest.raises(ProcessingError, match=f"step despike failed: .*{name} 1.2"):
        process(SAMPLES, declared, datetime(2024, 6, 20, 13, tzinfo=UTC))


@pytest.mark.parametrize(
    ("body", "said"),
    [("return {}['a mistake']", "KeyError: 'a mistake'"), ("return None", "expected a HalfHour, got NoneType")],
)
def test_a_method_that_fails_marks_its_half_hour(install: Callable[..., None], body: str, said: str) -> None:
    name = f"failing{next(NUMBERS)}"
    install(name, f"def step(half, station):\n    {body}\n", methods={f"despike.{name}": f"{name}:step"})
    declared = parse_station(f'{SYNTHETIC}[flux.methods]\ndespike = "{name}"\n', "a.toml")
    check_methods(declared, "a.toml")
    with pytest.raises(ProcessingError, match=f"step despike failed: .*{name} 1.2: {said}"):
        process(SAMPLES, declared, datetime(2024, 6, 20, 13, tzinfo=UTC))


def test_ours_are_had_without_a_look_at_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(group: str) -> None:
        raise AssertionError(group)

    monkeypatch.setattr("core.extensions.entry_points", forbidden)
    find_extensions.cache_clear()
    assert FORMATS["toa5-line"].stamps == "end"
    assert raw.FILE_FORMATS["csv"].described
    assert callable(REGISTRIES["despike"]["none"])
    code = (
        "import sys, core.station; print(*sorted({m.partition('.')[0] for m in sys.modules} & "
        "{'ingest', 'fluxcalc', 'polars', 'numba'}), 'core.extensions' in sys.modules)"
    )
    assert in_python(Path(), code).split() == ["False"]
