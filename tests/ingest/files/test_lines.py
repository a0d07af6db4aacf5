"""Lines of raw files: the compiled reading against its twin, and against the careful one."""

from __future__ import annotations

import math
from datetime import datetime
from unittest import mock

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from core.station import Files
from ingest.files import kernels, lines
from ingest.files.layouts import Layout
from ingest.files.lines import parse_alike, parse_lines
from ingest.files.records import Records
from tests import naive

NAMES = ("TIMESTAMP", "RECORD", "a", "b", "note")
# row 1 of the values is a channel that the file does not have
ROWS = (2, -1, 3)
ZONE = -3_600_000_000_000

# compiling on a first run takes longer than hypothesis allows an example
unhurried = settings(deadline=None, max_examples=200)


def layout(separator: str = ",", missing: tuple[str, ...] = ("-9999",), *, stamped: bool = True) -> Layout:
    keys = {"time_columns": ("TIMESTAMP",)} if stamped else {"start": "%Y"}
    files = Files.model_validate({"format": "csv", "separator": separator, "missing": missing, **keys})
    return Layout(files, len(NAMES), (0,) if stamped else (), ROWS, 2, 17, 50_000_000, ZONE, ())


digits = st.text("0123456789", min_size=1, max_size=17)
decimals = st.builds("{}{}.{}".format, st.sampled_from(["", "-"]), digits, digits)
numbers = st.one_of(
    decimals,
    digits,
    digits.map("-{}".format),
    digits.map("-.{}".format),
    digits.map("{}.".format),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.floats(-1e4, 1e4).map("{:.5f}".format),
    st.builds("{}{}{}".format, decimals, st.sampled_from(["e", "E", "e+", "e-"]), st.integers(0, 30)),
    st.sampled_from(["0", "-0", "-0.0", "9007199254740993", "9007199254740991.5", "0.1", "1e22", "1e23", "1e-22"]),
)
words = st.sampled_from(["NAN", '"NAN"', "", '""', "nan", "-9999", "-9999.0", '"-9999"', '"INF"'])
stamps = st.builds(
    "{:%Y-%m-%d %H:%M:%S}{}".format,
    st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 31)),
    st.one_of(st.just(""), st.text("0123456789", min_size=1, max_size=6).map(".{}".format)),
)
quoted = st.sampled_from(["{}", '"{}"'])
notes = st.text("abc 1.-µ\x00", max_size=5)
regular = st.tuples(
    st.builds(lambda form, stamp: form.format(stamp), quoted, stamps),
    st.integers(0, 10**6).map(str),
    numbers | words,
    numbers | words,
    st.builds(lambda form, note: form.format(note), quoted, notes),
)
line_ends = st.sampled_from(["\n", "\r\n"])
any_field = st.text('0123456789.-+eE"NAn: \tµx\r', max_size=12)
odd = st.lists(any_field, max_size=7) | regular.flatmap(
    lambda line: st.tuples(st.integers(0, 4), any_field).map(lambda new: [*line[: new[0]], new[1], *line[new[0] + 1 :]])
)


def lines_of(table: list, separator: str, end: str) -> bytes:
    return "".join(separator.join(line) + end for line in table).encode()


def both(text: bytes, declared: Layout) -> list[tuple[Records, list[str]]]:
    """Records and reports, with the compiled reading and without."""
    found = []
    for way in (parse_alike, lambda *_: None):
        told: list[str] = []
        with mock.patch.object(lines, "parse_alike", way):
            found.append((parse_lines(text, 7, declared, "f.dat", told.append), told))
    return found


def assert_same(text: bytes, declared: Layout) -> None:
    (compiled, told), (careful, told_carefully) = both(text, declared)
    assert told == told_carefully
    assert compiled.starts.tolist() == careful.starts.tolist()
    assert compiled.lines.tolist() == careful.lines.tolist()
    assert compiled.values.shape == careful.values.shape
    assert_array_equal(compiled.values, careful.values)
    assert_array_equal(np.signbit(compiled.values), np.signbit(careful.values))


@unhurried
@given(
    st.lists(regular, min_size=1, max_size=8), st.sampled_from(",;\t"), st.sampled_from(["\n", "\r\n"]), st.booleans()
)
def test_regular_lines_are_read_as_by_polars(table, separator, end, stamped):
    assert_same(lines_of(table, separator, end), layout(separator, stamped=stamped))


@unhurried
@given(st.lists(regular | odd, max_size=8), st.sampled_from(["\n", "\r\n", "\n\n"]))
@example([["2020-02-30 00:00:00", "1", "2", "3", ""]], "\n")
@example([["2020-02-29 00:00:60", "1", "2", "3", ""]], "\n")
@example([["2020-02-29 00:00:00.", "1", "2", "3", ""]], "\n")
@example([["2020-02-29 00:00:00.1234567", "1", "2", "3", ""]], "\n")
@example([["2020-02-29 00:00:00", "1", "+2", " 3", ""]], "\n")
@example([["2020-02-29 00:00:00", "1", "1e999", "-", ""]], "\n")
@example([["2020-02-29 00:00:00", '1"', '"2"', '"3', '"a,b"']], "\n")
def test_odd_lines_are_read_as_by_polars(table, end):
    assert_same(lines_of(table, ",", end), layout())


@unhurried
@given(st.lists(regular, min_size=1, max_size=8), line_ends)
def test_regular_lines_equal_their_twin(table, end):
    text = lines_of(table, ",", end)
    found = parse_alike(text, 7, layout())
    times, values = naive.read_table(text, [2, 3], ["", "NAN", "nan", "INF", "-9999"])
    if found is None:  # what no double holds is left to the careful reading
        assert any(math.isinf(value) for line in values for value in line)
        return
    assert (found.starts - ZONE).tolist() == times
    assert_array_equal(found.values[[0, 2]].T, values)
    assert np.isnan(found.values[1]).all()
    assert found.lines.tolist() == list(range(7, 7 + len(table)))


@unhurried
@given(numbers)
def test_numbers_are_rounded_once(text):
    value, end, found = kernels.read_number(np.frombuffer(f"{text},".encode(), np.uint8), 0)
    assert found
    assert end == len(text)
    assert math.isnan(value) or value.hex() == float(text).hex()


def test_numbers_of_seventeen_digits_are_read_at_once():
    """As programs write them that keep every bit: one in a thousand may need the other way."""
    random = np.random.default_rng(1)
    texts = [repr(float(x)) for x in random.standard_normal(3000) * 10.0 ** random.integers(-3, 4, 3000)]
    values = [kernels.read_number(np.frombuffer(f"{text},".encode(), np.uint8), 0)[0] for text in texts]
    left = [text for text, value in zip(texts, values, strict=True) if math.isnan(value)]
    assert len(left) <= 3 + sum("e-" in text for text in texts)
    assert all(math.isnan(value) or value == float(text) for text, value in zip(texts, values, strict=True))


def test_many_hard_numbers_are_read_nevertheless():
    line = "2020-02-29 00:00:00.05,1,0.12345678901234567890123,1e-300,\n"
    assert parse_alike(line.encode() * 200, 1, layout()) is None
    assert_same(line.encode() * 200, layout())
    alike = parse_alike((line + "2020-02-29 00:00:00.1,1,2,3,\n" * 50).encode(), 1, layout())
    assert alike is not None
    assert alike.values[0, 0] == 0.12345678901234567890123
    assert alike.values[2, 0] == 1e-300


def test_words_of_the_station_file_are_missing():
    found = parse_alike(b"2020-02-29 00:00:00,1,bad,1e3,x\n", 1, layout(missing=("bad", "1000.")))
    assert found is not None
    assert np.isnan(found.values).all()


def test_a_kernel_without_a_place_for_its_cache_still_works():
    place: dict = {}
    exec("def double(x):\n    return 2.0 * x", place)
    assert kernels.kernel(place["double"])(21.0) == 42.0
