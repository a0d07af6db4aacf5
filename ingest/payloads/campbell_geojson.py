"""GeoJSON as Campbell Scientific's loggers publish it: a Feature whose observations are arrays by time."""

from __future__ import annotations

from collections.abc import Iterator

from core.errors import PayloadError
from core.records import Reading, SampleBlock
from ingest.payloads.checks import json_value, member, shown, time_ns
from ingest.payloads.format import MessageFormat, MessageSource
from ingest.payloads.rows import Row, columns_of, to_records


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[SampleBlock | Reading]:
    """Decode the observations; where the logger says that it stands (numbers or texts) means nothing.

    Raises
    ------
    PayloadError
        Anything else, whatever the bytes are; one bad observation refuses the whole message.
    """
    content = json_value(payload)
    kind = member(content, "type", str)
    if kind != "Feature":
        raise PayloadError(f"type: expected 'Feature', got {shown(kind)}")
    properties = member(content, "properties", dict, "Properties")
    names = member(properties, "observationNames", list)
    columns = columns_of(source, names)
    return to_records(source, columns, _rows(member(properties, "observations", dict), len(names)))


def _rows(observations: dict[str, object], fields: int) -> Iterator[Row]:
    for time in observations:
        values = member(observations, time, list)
        if len(values) != fields:
            raise PayloadError(
                f"observations: expected {fields} values as there are names, got {len(values)}: "
                "send null where a value is missing"
            )
        yield Row(time_ns(time, "observations"), values, None)


FORMAT = MessageFormat(decode, kinds=("block", "reading"), stamps="end")
