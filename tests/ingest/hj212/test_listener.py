"""The listener with a real database: receipts after the commit, strangers, damage, repetition, and kill -9."""

from __future__ import annotations

import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.settings import ROOT, Settings
from core.store import Store
from ingest.collector.reject_retry import RejectRetry
from ingest.hj212.receiving.listener import run_listener
from tests.conftest import free_port
from tests.ingest.hj212.device import MN, TEXT, message, minute
from tests.judging import judge_all
from tests.waiting import PATIENCE, wait_for

pytestmark = pytest.mark.integration

START = datetime(2026, 7, 1, 0, 0, tzinfo=UTC)
LOCAL = "20260701080000"


@pytest.fixture
def listening(settings: Settings, store: Store, tmp_path: Path) -> Iterator[Settings]:
    """Settings of a listener that runs in a thread."""
    ours = prepared(settings, store, tmp_path)
    stop = threading.Event()
    thread = threading.Thread(target=run_listener, args=(ours, stop))
    thread.start()
    try:
        wait_for(lambda: answers(ours))
        yield ours
    finally:
        stop.set()
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the listener does not stop"


def prepared(settings: Settings, store: Store, folder: Path) -> Settings:
    store.stations.put(TEXT, "device.toml")
    file = folder / "hj212.toml"
    file.write_text(f'[devices]\n"{MN}" = "123456"\n')
    file.chmod(0o600)
    return settings.model_copy(update={"hj212_port": free_port(), "hj212_file": file})


def answers(settings: Settings) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", settings.hj212_port), 2):
        return True
    return False


@contextmanager
def connected(settings: Settings) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", settings.hj212_port), 5) as link:
        link.settimeout(PATIENCE)
        yield link


def receipts(link: socket.socket, count: int) -> list[str]:
    """Read so many answers; return the QN of each."""
    data = b""
    while data.count(b"\r\n") < count:
        more = link.recv(4096)
        assert more, f"closed after {data!r}"
        data += more
    assert data.count(b"CN=9014") == count
    return [qn.decode() for qn in re.findall(rb"QN=(\d{17})", data)]


def silent(link: socket.socket) -> bool:
    link.settimeout(1.5)
    with suppress(TimeoutError):
        return not link.recv(100)
    return True


def stored(store: Store) -> dict[datetime, float]:
    found = store.readings.read("cn-device", "minutes", START - timedelta(days=1), START + timedelta(days=1))
    return dict(zip(found["time"], found["CO2"], strict=True))


def test_a_receipt_comes_after_the_commit(listening: Settings, store: Store) -> None:
    with connected(listening) as link:
        link.sendall(minute(LOCAL, 415.25))
        assert receipts(link, 1) == [f"{LOCAL}001"]
        assert stored(store) == {START: 415.25}  # without waiting: it was there before the receipt
        link.sendall(minute(LOCAL, 415.25))  # sent again: a receipt, and stored once
        assert receipts(link, 1) == [f"{LOCAL}001"]
    assert stored(store) == {START: 415.25}
    assert store.rejects.find() == []


def test_a_sender_that_asks_for_no_receipt_gets_none(listening: Settings, store: Store) -> None:
    with connected(listening) as link:
        link.sendall(minute(LOCAL, 415.25, flag="4"))
        wait_for(lambda: stored(store))
        assert silent(link)


def test_strangers_are_not_heard(listening: Settings, store: Store) -> None:
    with connected(listening) as link:
        link.sendall(minute(LOCAL, 415.25, pw="000000"))
        link.sendall(minute(LOCAL, 415.25, mn="another-device"))
        link.sendall(b"GET / HTTP/1.1\r\n\r\n")
        assert silent(link)
    assert stored(store) == {}
    assert store.rejects.find() == []


def test_damage_is_kept_and_costs_nothing_else(listening: Settings, store: Store) -> None:
    bad = minute("20260701080100", 416.0).replace(b"416.0", b"999.0")
    with connected(listening) as link:
        link.sendall(minute(LOCAL, 415.0) + bad + minute("20260701080200", 417.0))
        assert receipts(link, 2) == [f"{LOCAL}001", "20260701080200001"]
        link.sendall(minute("20260701080100", 416.0))
        receipts(link, 1)
    assert list(stored(store).values()) == [415.0, 416.0, 417.0]
    (reject,) = store.rejects.find()
    assert re.match(r"CRC: the frame says '[0-9A-F]{4}', its data segment has '[0-9A-F]{4}'", reject.reason)
    assert reject.station == "cn-device"


def test_other_values_of_a_time_are_kept_with_the_reason(listening: Settings, store: Store) -> None:
    with connected(listening) as link:
        for value in (415.0, 420.0):
            link.sendall(minute(LOCAL, value))
            receipts(link, 1)
    assert stored(store) == {START: 415.0}
    (reject,) = store.rejects.find()
    assert "another value is stored for this time: CO2 is 415.0, this message says 420.0" in reject.reason
    assert store.rejects.read(reject.id)[1].strip() == minute(LOCAL, 420.0).strip()


def test_what_nobody_asked_for_is_counted_and_answered(
    listening: Settings, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(listening) as link:
        link.sendall(message(f"DataTime={LOCAL};a05001-Avg=1", cn="2031"))
        receipts(link, 1)
        link.sendall(message(f"DataTime={LOCAL};a05001-Avg=415;a34004-Avg=12"))
        receipts(link, 1)
    assert stored(store) == {START: 415.0}
    assert store.rejects.find() == []
    told = caplog.text
    assert f"messages CN 2031 of MN '{MN}': no stream of cn-device takes them: add it to `cn`" in told
    assert f"values 2051 a34004-Avg of MN '{MN}': no channel of cn-device has it as `field`" in told


def test_parts_are_one_reading_and_each_gets_its_receipt(listening: Settings, store: Store) -> None:
    first = message(f"DataTime={LOCAL};a05001-Avg=415", flag="7", more="PNUM=2;PNO=1;")
    second = message(f"DataTime={LOCAL};a01001-Avg=20", flag="7", more="PNUM=2;PNO=2;")
    with connected(listening) as link:
        link.sendall(second)
        link.sendall(first)
        receipts(link, 2)
        found = store.readings.read("cn-device", "minutes", START, START + timedelta(minutes=1))
        assert (found["CO2"].to_list(), found["TA"].to_list()) == ([415.0], [20.0])
        # a sender that waits for the receipt of a part before it sends the next is not left waiting
        stamp = "20260701080100"
        for number, values in enumerate(("a05001-Avg=416", "a01001-Avg=21,a01001-Flag=C"), 1):
            link.sendall(message(f"DataTime={stamp};{values}", flag="7", more=f"PNUM=2;PNO={number};"))
            receipts(link, 1)
    found = store.readings.read("cn-device", "minutes", START, START + timedelta(hours=1))
    assert (found["CO2"].to_list(), found["TA"].to_list()) == ([415.0, 416.0], [20.0, 21.0])
    judge_all(store)
    found = store.readings.read("cn-device", "minutes", START, START + timedelta(hours=1))
    assert found["flags"].to_list() == [[1, 1], [1, 4]]
    assert store.rejects.find() == []


def test_sender_flags_raise_those_of_the_store(listening: Settings, store: Store) -> None:
    with connected(listening) as link:
        link.sendall(minute(LOCAL, 415.0, "M"))
        receipts(link, 1)
    judge_all(store)
    found = store.readings.read("cn-device", "minutes", START, START + timedelta(minutes=1))
    assert found["flags"].to_list() == [[4, 1]]
    assert found["reasons"].to_list() == ['{"CO2": ["sender: maintenance (HJ 212 M)"]}']
    (newest,) = (one for one in store.latest.read("cn-device") if one.stream == "minutes")
    assert (newest.flags["CO2"], newest.reasons) == (4, {"CO2": ["sender: maintenance (HJ 212 M)"]})


def test_many_connections(listening: Settings, store: Store) -> None:
    stamps = [f"202607010{hour}{part:02d}00" for hour in (8, 9) for part in range(60)]

    def send(some: list[str]) -> None:
        with connected(listening) as link:
            for stamp in some:
                link.sendall(minute(stamp, float(stamp[-6:])))
            assert receipts(link, len(some)) == [f"{stamp}001" for stamp in some]

    threads = [threading.Thread(target=send, args=(stamps[i::40],)) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert len(stored(store)) == 120


def test_hostile_bytes_do_no_harm(listening: Settings, store: Store) -> None:
    dice = random.Random(1)
    good = minute(LOCAL, 415.0)
    for attack in (
        b"#" * 2_000_000,
        b"##9999" * 100_000,
        dice.randbytes(1_000_000),
        good[:-8] * 5000,
        b"\r\n" * 500_000,
    ):
        with connected(listening) as link, suppress(OSError):
            link.sendall(attack)
    with connected(listening) as link:
        for _ in range(200):
            broken = bytearray(good)
            broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
            link.sendall(bytes(broken))
        link.sendall(minute("20260701080500", 420.0))
        data = b""
        while b"20260701080500001" not in data:
            data += link.recv(4096)
    assert stored(store)[START + timedelta(minutes=5)] == 420.0
    assert set(stored(store).values()) <= {415.0, 420.0}


def test_a_device_that_nobody_knew_is_kept_and_replayed(listening: Settings, store: Store) -> None:
    file = listening.hj212_file
    assert file is not None
    file.write_text(f'[devices]\n"{MN}" = "123456"\n"NEW" = "1"\n')
    frame = minute(LOCAL, 415.0, mn="NEW", pw="1")

    def is_answered() -> bool:
        with connected(listening) as link:
            link.sendall(frame)
            return not silent(link)

    wait_for(is_answered)  # the list is read again
    (reject,) = store.rejects.find()
    assert "unknown device MN 'NEW': no stream of a registered station has it as `mn`" in reject.reason
    store.stations.put(TEXT.replace("cn-device", "cn-new").replace(MN, "NEW"), "new.toml")
    with RejectRetry(store, listening.topic_root) as retry:
        assert [reason for _, reason in retry.retry([reject.id])] == [None]
    found = store.readings.read("cn-new", "minutes", START, START + timedelta(minutes=1))
    assert found["CO2"].to_list() == [415.0]


def test_a_station_file_that_changes_is_followed(listening: Settings, store: Store) -> None:
    with connected(listening) as link:
        link.sendall(message(f"DataTime={LOCAL};a05001-Avg=415;a34004-Avg=12"))
        receipts(link, 1)
    last = 'field = "a01001-Avg" },\n'
    more = last + '    { name = "RH", variable = "RH", unit = "%", field = "a34004-Avg" },\n'
    store.stations.put(TEXT.replace(last, more), "device.toml")
    count = 0

    def has_humidity() -> bool:
        nonlocal count
        count += 1
        stamp = f"{START + timedelta(hours=8, minutes=count):%Y%m%d%H%M%S}"
        with connected(listening) as link:
            link.sendall(message(f"DataTime={stamp};a05001-Avg=415;a34004-Avg=12", qn=f"{stamp}001"))
            receipts(link, 1)
        found = store.readings.read("cn-device", "minutes", START, START + timedelta(hours=5))
        return 12.0 in found["RH"].to_list()

    wait_for(has_humidity)


@pytest.mark.alone
def test_killed_again_and_again_it_loses_and_doubles_nothing(
    settings: Settings, store: Store, tmp_path: Path, environment: Mapping[str, str]
) -> None:
    ours = prepared(settings, store, tmp_path)
    command = [sys.executable, "-m", "fluxtower", "hj212", "listen"]
    where = {"FLUXTOWER_HJ212_PORT": str(ours.hj212_port), "FLUXTOWER_HJ212_FILE": str(ours.hj212_file)}
    sent = {START + timedelta(minutes=i): 400.0 + i / 8 for i in range(400)}
    waiting = {f"{when + timedelta(hours=8):%Y%m%d%H%M%S}": value for when, value in sent.items()}
    confirmed: set[str] = set()
    kills = 0

    def send_until_all_have_come() -> None:
        while len(confirmed) < len(sent):
            with suppress(OSError, AssertionError), connected(ours) as link:
                link.settimeout(10)
                for stamp, value in waiting.items():
                    if stamp not in confirmed:
                        link.sendall(minute(stamp, value))
                        assert receipts(link, 1) == [f"{stamp}001"]
                        confirmed.add(stamp)
            time.sleep(0.05)

    sender = threading.Thread(target=send_until_all_have_come)
    sender.start()
    while sender.is_alive():
        process = subprocess.Popen(command, cwd=ROOT, env={**environment, **where}, stderr=subprocess.DEVNULL)
        try:
            before = len(confirmed)
            wait_for(lambda before=before: len(confirmed) > before + 60 or not sender.is_alive())
        finally:
            process.kill()
            process.wait()
        kills += 1
    sender.join()
    assert kills >= 4
    assert stored(store) == sent
    assert store.rejects.find() == []
