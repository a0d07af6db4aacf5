"""What comes in and what does not, through the API."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from api.models import FeedsOut
from core.clock import from_ns
from core.store import Store
from tests.ingest.collector.test_acknowledgements import FILE, START, Collector, block

pytestmark = pytest.mark.integration


def test_counters_and_gaps(client: httpx.Client, store: Store) -> None:
    store.stations.put(FILE, "x.toml")
    collector = Collector(store)
    collector.commit(*(block(i, i) for i in range(200) if not 50 <= i < 53), block(0, 0))
    collector.acknowledgements.publish_due()
    store.gaps.search()
    said = FeedsOut.model_validate(client.get("/api/v1/stations/cn-x/feeds").json())
    (feed,) = said.feeds
    assert (feed.stream, feed.records, feed.repeated, feed.restarts) == ("ec", 198, 1, 0)
    assert feed.time == from_ns(START) + timedelta(seconds=200)
    assert feed.lag_s is not None
    assert feed.clock_s == pytest.approx(-feed.lag_s, rel=0.01)
    (gap,) = said.gaps
    assert (gap.start, gap.end) == (from_ns(START) + timedelta(seconds=50), from_ns(START) + timedelta(seconds=53))
    assert (gap.messages, gap.counted, gap.filled) == (3, True, None)
    assert client.get("/api/v1/stations/nobody/feeds").status_code == 404
