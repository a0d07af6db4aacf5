"""The collector: it takes messages, commits them and only then acknowledges them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from core.errors import SetupError
from core.settings import Settings
from core.store import BlockArrays, Committed, Store
from ingest.collector.acknowledgements import Acknowledgements
from ingest.collector.latest_publisher import LatestPublisher
from ingest.collector.minute_merger import MinuteMerger
from ingest.collector.stamp_limits import StampLimits
from ingest.collector.writer import Batch, Counts, Records, Stopped, Writer
from ingest.mqtt.subscriber import Subscriber

REPORT_SECONDS = 10.0
"""How often a line about the load is logged. [s]"""
TOPICS_REFRESH_SECONDS = 5.0
"""How often the loop looks whether stations use other topics. [s]"""
IDLE_SECONDS = 0.5
"""Longest wait for a message before the loop looks whether it must stop. [s]"""

log = logging.getLogger(__name__)


def run_collector(settings: Settings, stop: threading.Event) -> None:
    """Collect until ``stop`` is set; store and broker may come and go, also before the start.

    Raises
    ------
    ConfigError
        The broker's address cannot be read.
    """
    subscriber = _subscriber(settings)
    with Store(settings.store_dsn) as store, MinuteMerger(store):
        acknowledgements = Acknowledgements(store, settings.topic_root, subscriber.publish_all)
        latest = LatestPublisher(
            settings.topic_root, subscriber.publish, store.catalogue.by_key, settings.latest_per_second
        )

        def after_commit(records: Records, arrays: Sequence[BlockArrays], done: Committed) -> None:
            acknowledgements.add_commit(records, arrays, done)
            latest.publish_due(records, arrays)

        writer = Writer(store, settings.topic_root, stop, after_commit, StampLimits.of(settings))
        report = LoadReport(writer.counts)

        def gather() -> Batch:
            messages = subscriber.take(settings.batch_messages, IDLE_SECONDS, settings.batch_seconds)
            return writer.prepare(messages)

        topics_due = time.monotonic()
        subscriber.start()
        acknowledgements.start()
        try:
            with ThreadPoolExecutor(1, "gather") as gatherer:  # while a batch is committed, the next one is prepared
                coming = gatherer.submit(gather)
                while not stop.is_set():
                    if time.monotonic() >= topics_due:
                        subscriber.follow_topics(writer.topics())
                        topics_due = time.monotonic() + TOPICS_REFRESH_SECONDS
                    batch = coming.result()
                    coming = gatherer.submit(gather)
                    if batch.messages:
                        writer.commit(batch)
                        subscriber.acknowledge(batch.messages)
                    report.log_if_due(subscriber.dropped)
        except Stopped:
            log.info("stopped while the store was away; the broker keeps what was not acknowledged")
        finally:
            acknowledgements.stop()
            subscriber.stop()
    log.info("collector stopped after %d messages", writer.counts.messages)


def open_session(settings: Settings, timeout: float = 30.0) -> None:
    """Make the collector's session at the broker, which from then on keeps messages for it; not while it runs.

    Raises
    ------
    ConfigError
        The broker's address cannot be read.
    SetupError
        The broker does not answer, or does not let us subscribe, within ``timeout`` seconds.
    """
    subscriber = _subscriber(settings)
    subscriber.start()
    try:
        if not subscriber.wait_subscribed(timeout):
            raise SetupError(
                f"no session at the MQTT broker after {timeout:g} s",
                "does it run? (`fluxtower status`, FLUXTOWER_BROKER)",
            )
    finally:
        subscriber.stop()


def _subscriber(settings: Settings) -> Subscriber:
    return Subscriber(
        settings.broker_url,
        settings.collector,
        f"{settings.topic_root}/#",
        settings.in_flight,
        settings.collector_group,
    )


class LoadReport:
    """One log line every 10 s under load."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._at = time.monotonic()
        self._messages = 0

    def log_if_due(self, dropped: int) -> None:
        """Log what was done since the last line, if it is time and there is something to say."""
        now = time.monotonic()
        messages = self._counts.messages - self._messages
        if now - self._at < REPORT_SECONDS:
            return
        if messages:
            log.info(
                "%.0f messages/s; since the start: %d messages, %d blocks, %d samples, %d readings, %d duplicates, "
                "%d rejects, %d dropped (QoS 0); slowest commit %.2f s",
                messages / (now - self._at),
                self._counts.messages,
                self._counts.blocks,
                self._counts.samples,
                self._counts.readings,
                self._counts.duplicates,
                self._counts.rejects,
                dropped,
                self._counts.slowest_commit,
            )
            self._counts.slowest_commit = 0.0
        self._at, self._messages = now, self._counts.messages
