"""What holds of every record that a decoder gives, whatever the format."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from core.records import LoggerState, Reading, SampleBlock
from ingest.payloads.checks import EARLIEST_NS, LATEST_NS, MAX_BLOCK_NS, MAX_RECORDS, MAX_SAMPLES
from ingest.payloads.format import MessageSource

MAX_STATE_TEXT = 80
"""Characters of a logger's name, and of its reason."""


def fault_of(source: MessageSource, records: object) -> str:
    """Return what is wrong with the records of one message in words, empty if nothing is."""
    if not isinstance(records, Sequence) or not 1 <= len(records) <= MAX_RECORDS:
        return f"expected 1 to {MAX_RECORDS} records"
    return next((fault for record in records if (fault := _fault_of_one(source, record))), "")


def _fault_of_one(source: MessageSource, record: object) -> str:
    if not isinstance(record, LoggerState | Reading | SampleBlock):
        return f"a {type(record).__name__} where a record should be"
    if record.station != source.station:
        return f"a record of station {record.station!r}"
    if isinstance(record, LoggerState):
        return _fault_of_state(record)
    if record.stream not in ([stream.name for stream in source.streams] or [source.stream]):
        return f"a record of stream {record.stream!r}"
    return _fault_of_reading(record) if isinstance(record, Reading) else _fault_of_block(record)


def _fault_of_state(state: LoggerState) -> str:
    shown = (state.logger + state.reason).isprintable()
    if not shown or max(len(state.logger), len(state.reason)) > MAX_STATE_TEXT:
        return f"a state that cannot be shown: {state!a}"
    return ""


def _fault_of_reading(reading: Reading) -> str:
    if not EARLIEST_NS <= reading.time_ns < LATEST_NS:
        return f"time {reading.time_ns}"
    if not reading.values or any(math.isinf(value) for value in reading.values.values()):
        return f"values {reading.values!a}"
    return ""


def _fault_of_block(block: SampleBlock) -> str:
    channels, n = block.samples.shape
    in_time = EARLIEST_NS <= block.start_ns < LATEST_NS and block.dt_ns > 0 and n * block.dt_ns <= MAX_BLOCK_NS
    if not in_time:
        return f"time {block.start_ns}, {n} x {block.dt_ns}"
    if channels != len(block.channels) or not 1 <= n <= MAX_SAMPLES or block.samples.dtype != np.float32:
        return f"{block.samples.dtype} samples of shape {block.samples.shape}"
    return "infinite samples" if np.isinf(block.samples).any() else ""
