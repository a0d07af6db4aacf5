"""CSIJSON, Campbell Scientific's JSON of a table: ``head`` says the fields, ``data`` has time, number and values."""

from __future__ import annotations

from collections.abc import Iterator

from core.errors import PayloadError
from core.records import Reading, SampleBlock
from ingest.payloads.checks import MAX_NUMBER, integer, json_value, local_ns, member
from ingest.payloads.format import MessageFormat, MessageSource
from ingest.payloads.rows import Row, columns_of, to_records


def decode(source: MessageSource, payload: bytes, now_ns: int) -> list[SampleBlock | Reading]:
    """Decode the records of a table; a reading's ``seq`` is the record number ``no``.

    Raises
    ------
    PayloadError
        Anything else, whatever the bytes are; one bad record refuses the whole message.
    """
    content = json_value(payload)
    fields = member(member(content, "head", dict), "fields", list)
    names = [member(field, "name", str, "dld_name") for field in fields]
    stated = ((name, field.get("units", field.get("unit"))) for name, field in zip(names, fields, strict=True))
    units = {name: words for name, words in stated if isinstance(words, str)}
    columns = columns_of(source, names, units)
    return to_records(source, columns, _rows(source, member(content, "data", list), len(names)))


def _rows(source: MessageSource, data: list[object], fields: int) -> Iterator[Row]:
    for record in data:
        values = member(record, "vals", list)
        if len(values) != fields:
            raise PayloadError(
                f"vals: expected {fields} values as there are fields, got {len(values)}: "
                "send null where a value is missing"
            )
        assert isinstance(record, dict)
        no = record.get("no")
        if no is not None:
            integer(no, "no", 0, MAX_NUMBER)
        stamp = local_ns(member(record, "time", str), "time", source.ahead_ns)
        yield Row(stamp, values, no)


FORMAT = MessageFormat(decode, kinds=("block", "reading"), stamps="end", local_times=True, states_units=True)
