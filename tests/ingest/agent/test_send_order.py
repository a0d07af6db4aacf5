"""What is sent when: live before old, again after a wait, little to a platform that is silent."""

from __future__ import annotations

import itertools

import pytest

from ingest.agent import send_order
from ingest.agent.send_order import SendOrder
from ingest.collector.watermark import Watermark


def drain(order: SendOrder, spool: set[int], now: float, most: int = 10_000) -> list[int]:
    """Send as the sender does; return the numbers in their order."""
    sent: list[int] = []

    def send(seq: int) -> None:
        order.add_sent(seq, now)
        sent.append(seq)

    while (seq := order.next_live()) is not None:
        send(seq)
    while len(sent) < most:
        seq = order.next_again(now)
        if seq is not None:
            send(seq) if seq in spool else order.forget(seq)
            continue
        after = order.backlog_after(now)
        following = None if after is None else min((one for one in spool if one > after), default=None)
        if following is None:
            return sent
        if order.take_backlog(following):
            send(following)
    return sent


def test_live_newest_first_then_the_backlog_oldest_first() -> None:
    order = SendOrder(60)
    for seq in (7, 8, 9):
        order.add_live(seq)
    assert drain(order, set(range(10)), 0.0) == [9, 8, 7, 0, 1, 2, 3, 4, 5, 6]
    assert drain(order, set(range(10)), 1.0) == []


def test_old_live_blocks_become_backlog() -> None:
    order = SendOrder(60)
    for seq in range(50):
        order.add_live(seq)
    numbers = drain(order, set(range(50)), 0.0)
    assert numbers == [*range(49, 49 - send_order.MAX_LIVE, -1), *range(50 - send_order.MAX_LIVE)]


def test_what_is_not_covered_is_sent_again_later_and_later() -> None:
    order = SendOrder(60)
    spool = {0, 1, 2}
    assert drain(order, spool, 0.0) == [0, 1, 2]
    order.apply_watermark(Watermark(1, 2, ((1, 1),)), 1.0)
    spool -= {0, 2}
    assert drain(order, spool, 59.0) == []
    times = [now for now in range(60, 16_000) if drain(order, spool, float(now)) == [1]]
    assert times[0] == 60
    waits = [later - sooner for sooner, later in itertools.pairwise(times)]
    assert waits == [120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_silent_platform_gets_less_and_less_but_everything_live() -> None:
    order = SendOrder(60)
    spool = set(range(5000))
    assert len(drain(order, spool, 0.0)) == send_order.MAX_UNCOMMITTED
    later = [len(drain(order, spool, float(now))) for now in range(1, 7200)]
    assert sum(later) < 1000
    assert max(later[1300:]) == 1
    order.add_live(5000)
    assert drain(order, spool | {5000}, 7200.0)[0] == 5000
    order.apply_watermark(Watermark(1, 5000, ((0, 4998),)), 7201.0)
    assert len(drain(order, spool, 7201.0)) >= send_order.MAX_UNCOMMITTED - 2


def test_watermarks_make_room_until_all_is_sent() -> None:
    order = SendOrder(60)
    spool = set(range(1000))
    numbers: list[int] = []
    for now in range(20):
        sent = drain(order, spool, float(now))
        numbers += sent
        if sent:
            order.apply_watermark(Watermark(1, sent[-1]), float(now))
            spool -= set(sent)
    assert numbers == list(range(1000))


def test_memory_is_bounded_and_nothing_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_order, "MAX_TRACKED", 30)
    order = SendOrder(60)
    spool = set(range(100))
    assert drain(order, spool, 0.0) == list(range(30))
    for seq in range(100, 110):
        order.add_live(seq)
    spool |= set(range(100, 110))
    assert drain(order, spool, 1.0) == list(range(109, 99, -1))
    order.apply_watermark(Watermark(1, 29), 2.0)
    spool -= set(range(30))
    assert drain(order, spool, 3.0) == list(range(30, 60))


def test_a_dropped_block_is_forgotten() -> None:
    order = SendOrder(60)
    assert drain(order, {0, 1}, 0.0) == [0, 1]
    assert drain(order, {1}, 60.0) == [1]
