"""Season runs in the store: everything comes back as it was, earlier runs stay readable, nothing is ever edited."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import psycopg
import pytest

from core.errors import UnknownRun, UnknownStation
from core.frames import PRODUCT_COLUMNS, UTC_TIME
from core.settings import Settings
from core.store import Store
from core.store.queries import migrations
from tests.core.earlier import earlier_store
from tests.core.test_store import STATION

pytestmark = pytest.mark.integration

START = datetime(2026, 7, 1, tzinfo=UTC)
END = START + timedelta(days=400)
HALF = timedelta(minutes=30)


@pytest.fixture
def tower(store: Store) -> Store:
    store.stations.put(STATION.format(id="cn-test"), "cn-test.toml")
    store.stations.put(STATION.format(id="cn-other"), "cn-other.toml")
    return store


def made_up(n: int = 100, seed: int = 1) -> pl.DataFrame:
    """Every column, and two further series; a tenth of the values is missing, as null or NaN."""
    random = np.random.default_rng(seed)
    columns: dict[str, pl.Series] = {"start": pl.Series([START + i * HALF for i in range(n)], dtype=UTC_TIME)}
    for name, kind in list(PRODUCT_COLUMNS.items())[1:]:
        values = random.integers(0, 99, n).astype(float) if kind == pl.Int64 else random.normal(0, 1e-3, n) * 10**3
        columns[name] = pl.Series(np.where(random.random(n) < 0.1, math.nan, values))
    for name in ("NEE_VUT_05", "SW_IN_POT"):
        columns[name] = pl.Series(random.normal(0, 1, n)).set(pl.Series(random.random(n) < 0.1), None)
    return pl.DataFrame(columns)


def put(store: Store, product: pl.DataFrame, station: str = "cn-test", **more: object) -> int:
    given: dict[str, object] = {"config_sha256": "c" * 64, "code_version": "1", "methods": {"fill": "mds"}}
    return store.runs.put(station, started=START, product=product, **{**given, **more})  # type: ignore[arg-type]


def test_a_run_comes_back_as_it_was(tower: Store) -> None:
    product = made_up(45_000)  # three slices, two chunks and more
    provenance = {"sums": {"NEE_F": {"value": -312.5, "random": math.nan}}, "notes": ("one", "two"), "at": START}
    number = put(tower, product, kind="season", minutes=30, provenance=provenance)
    run = tower.runs.read(number)
    assert (run.station, run.kind, run.methods, run.minutes) == ("cn-test", "season", {"fill": "mds"}, 30)
    assert (run.first, run.last, run.intervals) == (START, START + 44_999 * HALF, 45_000)
    assert run.further == ("NEE_VUT_05", "SW_IN_POT")
    assert run.provenance["sums"] == {"NEE_F": {"value": -312.5, "random": None}}
    assert run.provenance["notes"] == ["one", "two"]
    back = tower.runs.read_product(run, START, START + 45_000 * HALF)
    assert back.columns == product.columns
    assert back.schema == PRODUCT_COLUMNS | {"NEE_VUT_05": pl.Float64(), "SW_IN_POT": pl.Float64()}
    assert back.equals(product.fill_nan(None).cast(dict(back.schema)))  # bit for bit


def test_the_course_of_a_sum_is_told_by_a_single_run_only(tower: Store) -> None:
    course = {"end": [START], "NEE_F": [-1.5]}
    number = put(tower, made_up(), provenance={"course": course, "notes": ["one"]})
    assert tower.runs.read(number).provenance["course"]["NEE_F"] == [-1.5]
    assert tower.runs.read_newest("cn-test").provenance == tower.runs.read(number).provenance  # type: ignore[union-attr]
    [listed] = tower.runs.find("cn-test")
    assert listed.provenance == {"notes": ["one"]}


def test_some_columns_of_a_part(tower: Store) -> None:
    product = made_up()
    run = tower.runs.read(put(tower, product))
    part = tower.runs.read_product(run, START + 10 * HALF, START + 20 * HALF, ["SW_IN_POT", "NEE_F"])
    assert part.equals(product.select("start", "SW_IN_POT", "NEE_F")[10:20].fill_nan(None))
    with pytest.raises(KeyError, match="nee_f; DROP TABLE run"):
        tower.runs.read_product(run, START, END, ["nee_f; DROP TABLE run"])


def test_a_run_may_have_few_columns_or_no_row(tower: Store) -> None:
    few = pl.DataFrame({"start": pl.Series([START], dtype=UTC_TIME), "NEE_F": [1.5]})
    back = tower.runs.read_product(tower.runs.read(put(tower, few)), START, END)
    assert back["NEE_F"].to_list() == [1.5]
    assert back.drop("start", "NEE_F").null_count().sum_horizontal().item() == back.width - 2
    empty = tower.runs.read(put(tower, few.head(0)))
    assert (empty.first, empty.last, empty.intervals) == (None, None, 0)
    assert tower.runs.read_product(empty, START, END).is_empty()


def test_runs_are_listed_newest_first(tower: Store) -> None:
    one, two = put(tower, made_up(2)), put(tower, made_up(2), kind="season")
    other = put(tower, made_up(2), station="cn-other")
    three = put(tower, made_up(2, seed=2))
    assert [run.id for run in tower.runs.find()] == [three, other, two, one]
    assert [run.id for run in tower.runs.find("cn-test")] == [three, two, one]
    assert [run.id for run in tower.runs.find("cn-test", kind="season")] == [two]
    assert [run.id for run in tower.runs.find(limit=1, below=three)] == [other]
    newest = tower.runs.read_newest("cn-test")
    assert newest is not None
    assert newest.id == three
    assert tower.runs.read_newest("cn-other", "season") is None
    assert tower.runs.read_newest_product("cn-test", START, END).equals(tower.runs.read_product(newest, START, END))
    assert tower.runs.read_newest_product("cn-other", START, END, "season").is_empty()
    with pytest.raises(UnknownRun, match=f"unknown run {three + 1}"):
        tower.runs.read(three + 1)
    with pytest.raises(UnknownStation):
        tower.runs.find("nowhere")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE run SET methods = '{}'",
        "UPDATE run SET provenance = '{}' WHERE id = (SELECT max(id) FROM run)",
        "DELETE FROM run",
        "UPDATE product SET nee_f = 0",
        "DELETE FROM product WHERE nee IS NULL",
    ],
)
def test_a_run_is_never_edited(tower: Store, statement: str) -> None:
    product = made_up(50)
    number = put(tower, product)
    with psycopg.connect(tower.dsn) as connection, pytest.raises(psycopg.errors.RestrictViolation, match="never edit"):
        connection.execute(statement)  # type: ignore[call-overload]
    back = tower.runs.read_product(tower.runs.read(number), START, END)
    assert back.equals(product.fill_nan(None).cast(dict(back.schema)))


def made(store: Store, *finished: str, kind: str = "provisional", station: str = "cn-test") -> list[int]:
    """Store runs of three half-hours that were finished at such times."""
    numbers = []
    for time in finished:
        numbers.append(put(store, made_up(3), station, kind=kind))
        with psycopg.connect(store.dsn) as connection:
            # as an administrator would, with triggers off: nothing else can set a time
            connection.execute("ALTER TABLE run DISABLE TRIGGER run_stays")
            connection.execute("UPDATE run SET finished = %s WHERE id = %s", (f"{time}Z", numbers[-1]))
            connection.execute("ALTER TABLE run ENABLE TRIGGER run_stays")
    return numbers


def rows(store: Store, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(store.dsn) as connection:
        return connection.execute(statement).fetchall()  # type: ignore[call-overload]


def test_superseded_provisional_runs_are_dropped_but_one_a_month(tower: Store) -> None:
    times = ["2026-05-30 23:30", "2026-05-31 23:59", "2026-06-01 00:00", "2026-06-10 01:00", "2026-07-01 02:00"]
    first, last_of_may, june, last_of_june, july = made(tower, *times)
    newest = made(tower, "2026-07-02 02:00")
    seasons = made(tower, "2026-05-01 00:00", "2026-05-02 00:00", kind="season")
    other = made(tower, "2026-05-30 00:00", station="cn-other")  # its newest
    kept = tower.runs.read_product(tower.runs.read(last_of_may), START, END)
    before = datetime(2026, 6, 15, tzinfo=UTC)
    would = tower.retention.drop("runs", before, dry_run=True)
    assert (would.rows, would.half_hours) == (2, 6)
    assert len(tower.runs.find()) == 9
    assert tower.retention.drop("runs", before) == would
    assert {run.id for run in tower.runs.find()} == {last_of_may, last_of_june, july, *newest, *seasons, *other}
    assert tower.runs.read_product(tower.runs.read(last_of_may), START, END).equals(kept)
    assert rows(tower, "SELECT run, count(*) FROM product GROUP BY run ORDER BY run") == [
        (run.id, 3) for run in reversed(tower.runs.find())
    ]
    assert tower.retention.drop("runs", before).rows == 0
    assert tower.retention.drop("runs", before + timedelta(days=300)).rows == 1
    with pytest.raises(UnknownRun, match=f"unknown run {july}, a superseded provisional run of cn-test, dropped 20"):
        tower.runs.read(july)
    with pytest.raises(UnknownRun, match=f"unknown run {other[0] + 1}: "):
        tower.runs.read(other[0] + 1)
    written = rows(
        tower,
        "SELECT run, intervals, config_sha256, code_version, dropped_by = session_user, dropped <= now() "
        "FROM run_dropped ORDER BY run",
    )
    assert written == [(run, 3, "c" * 64, "1", True, True) for run in (first, june, july)]


def test_a_backlog_of_superseded_runs_goes_in_portions(tower: Store) -> None:
    made(tower, *(f"2026-05-{day:02d}" for day in range(1, 29)))
    dropped = tower.retention.drop("runs", END)
    assert (dropped.rows, dropped.half_hours) == (27, 81)
    assert rows(tower, "SELECT count(*), count(DISTINCT run) FROM product") == [(3, 1)]


def test_a_released_run_stays(tower: Store) -> None:
    released, _ = made(tower, "2026-05-01", "2026-05-02")
    with psycopg.connect(tower.dsn) as connection:
        connection.execute(
            """INSERT INTO release (run, sha256, citation, licence, station, version, name, title, by, said)
            SELECT id, 'x', 'c', 'l', station, 1, 'cn-test-v1', 't', 'b', '{}' FROM run WHERE id = %s""",
            (released,),
        )
    assert tower.retention.drop("runs", END).rows == 0


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM run WHERE kind = 'season'",
        "DELETE FROM product",
        "UPDATE run SET methods = '{}'",
        "UPDATE product SET nee_f = 0",
    ],
)
def test_not_even_retention_can_drop_more(tower: Store, statement: str) -> None:
    """As if a function of that right were wrong."""
    made(tower, "2026-05-01", "2026-05-02")
    made(tower, "2026-05-01", kind="season")
    before = rows(tower, "SELECT * FROM product ORDER BY run, time")
    with psycopg.connect(tower.dsn, options="-c fluxtower.dropping=superseded") as connection:
        assert connection.execute("SHOW fluxtower.dropping").fetchone() == ("superseded",)
        with pytest.raises(psycopg.errors.RestrictViolation, match="never edit"):
            connection.execute(statement)  # type: ignore[call-overload]
    assert rows(tower, "SELECT * FROM product ORDER BY run, time") == before
    assert len(tower.runs.find()) == 3


def test_a_run_is_stored_wholly_or_not_at_all(tower: Store) -> None:
    twice = pl.concat([made_up(3), made_up(1)])
    with pytest.raises(Exception, match="product_key"):
        put(tower, twice)
    assert tower.runs.find() == []


def test_views_show_runs_and_the_newest_product(tower: Store) -> None:
    put(tower, made_up(3, seed=1))
    put(tower, made_up(3, seed=2))
    with psycopg.connect(tower.dsn) as connection:
        shown = connection.execute("SELECT reco_nt FROM v_product WHERE station = 'cn-test' ORDER BY time").fetchall()
        named = connection.execute("SELECT station, kind, intervals FROM v_run").fetchall()
        columns = {one.name for one in connection.execute("SELECT * FROM v_product LIMIT 0").description or ()}
    assert [value for (value,) in shown] == made_up(3, seed=2)["RECO_NT"].fill_nan(None).to_list()
    assert named == [("cn-test", "provisional", 3)] * 2
    expected = {"time" if name == "start" else name.lower() for name in PRODUCT_COLUMNS}
    assert columns == expected | {"station", "run", "kind", "finished"}


def test_earlier_runs_stay_readable(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run stored before the tables grew."""
    with earlier_store(settings, monkeypatch, 10) as store:
        with psycopg.connect(store.dsn) as connection:
            connection.execute(
                """INSERT INTO station (id) VALUES ('cn-test');
                INSERT INTO run (station, kind, config_sha256, code_version, methods, started)
                SELECT key, 'provisional', 'x', '0.1', '{"gapfill": "mds"}', now() FROM station;
                INSERT INTO product (time, run, nee, nee_f, nee_f_qc, nee_f_sd, nee_f_n, nee_f_method, nee_f_window)
                SELECT timestamptz '2026-07-01 00:00Z' + i * interval '30 minutes', 1, NULL, -i, 1, 0.5, 9, 2, 14
                FROM generate_series(0, 4) AS i"""
            )
        assert store.migrate() == [name for name, _ in migrations()[10:]]
        store.stations.put(STATION.format(id="cn-test"), "cn-test.toml")
        run = store.runs.read(1)
        assert (run.first, run.last, run.intervals, run.minutes) == (START, START + 4 * HALF, 5, None)
        assert (run.further, run.provenance) == ((), {})
        back = store.runs.read_newest_product("cn-test", START, END)
        assert back["NEE_F"].to_list() == [0, -1, -2, -3, -4]
        assert back["NEE_F_WINDOW"].to_list() == [14] * 5
        assert back["RECO_NT"].null_count() == 5


OLD_THRESHOLDS = """{
    "season 2025012": 0.21, "season 2026003": null, "year 2026": 0.25, "year 2026 95 %": 0.5, "year 2026 5 %": 0.125,
    "VUT 2026 98.75 %": 0.625, "VUT 2026 1.25 %": 0.1, "CUT 2026 50 %": 0.3, "E0": 212.5
}"""


def test_thresholds_of_earlier_runs_get_the_form_of_todays(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def threshold(kind: str, value: float, year: int | None, season: int | None, percentile: float | None) -> object:
        return {"kind": kind, "value": value, "year": year, "season": season, "percentile": percentile}

    of_today = [threshold("year", 0.3, 2026, None, None)]
    provenances = [
        f'{{"thresholds": {OLD_THRESHOLDS}, "notes": ["one"]}}',
        '{"thresholds": {"fixed": 0.2}}',
        '{"thresholds": {}}',
        '{"notes": ["two"]}',
        json.dumps({"thresholds": of_today, "E0": 100.0}),
    ]
    with earlier_store(settings, monkeypatch, 16) as store:
        with psycopg.connect(store.dsn) as connection:
            connection.execute("INSERT INTO station (id) VALUES ('cn-test')")
            for provenance in provenances:
                connection.execute(
                    """INSERT INTO run (station, kind, config_sha256, code_version, methods, started, provenance)
                    SELECT key, 'season', 'x', '0.1', '{}', now(), %s FROM station""",
                    (provenance,),
                )
        store.migrate()
        old, fixed, empty, without, new = (store.runs.read(number).provenance for number in range(1, 6))
        assert old == {
            "thresholds": [
                threshold("season", 0.21, 2025, 12, None),
                threshold("year", 0.25, 2026, None, None),
                threshold("year", 0.125, 2026, None, 5),
                threshold("year", 0.5, 2026, None, 95),
                threshold("VUT", 0.1, 2026, None, 1.25),
                threshold("VUT", 0.625, 2026, None, 98.75),
                threshold("CUT", 0.3, None, None, 50),
            ],
            "E0": 212.5,
            "notes": ["one"],
        }
        assert fixed == {"thresholds": [threshold("fixed", 0.2, None, None, None)], "E0": None}
        assert empty == {"thresholds": [], "E0": None}
        assert without == {"notes": ["two"]}
        assert new == {"thresholds": of_today, "E0": 100.0}
        with psycopg.connect(store.dsn) as connection, pytest.raises(psycopg.errors.RestrictViolation):
            connection.execute("UPDATE run SET provenance = '{}'")
