"""A logger's rows, ``1782864000;TA=21.5;RH=88``: the END of the interval in seconds since 1970 UTC, then values."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import PayloadError
from core.records import Reading, SampleBlock
from ingest.payloads.checks import check_size, shown
from ingest.payloads.format import MessageExample, MessageFormat, MessageSource
from ingest.payloads.rows import Row, columns_of, to_records


def decode(source: MessageSource, payload: bytes, now_ns: int) -> Sequence[SampleBlock | Reading]:
    """Decode rows, one a line, all with the same fields."""
    check_size(payload)
    try:
        rows = [_row(line) for line in payload.decode("ascii").splitlines()]
    except (ValueError, OverflowError) as error:
        raise PayloadError(f"no row like 1782864000;TA=21.5: {shown(str(error))}") from None
    if not rows or any(names != rows[0][0] for names, _ in rows):
        raise PayloadError("expected rows that have the same fields")
    return to_records(source, columns_of(source, rows[0][0]), [row for _, row in rows])


def _row(line: str) -> tuple[list[str], Row]:
    stamp, *fields = line.split(";")
    pairs = [field.split("=", 1) for field in fields]
    values = [float(value) for _, value in pairs]
    return [name for name, _ in pairs], Row(round(float(stamp)) * 10**9, values, None)


FORMAT = MessageFormat(
    decode,
    kinds=("block", "reading"),
    stamps="end",
    examples=(
        MessageExample(
            """
            name = "met"
            kind = "reading"
            interval = 60
            channels = [{ name = "TA", variable = "TA", unit = "deg C" }]
            """,
            (b"1782864000;TA=21.5;RH=88", b"1782864060;TA=21.5\n1782864120;TA=nan"),
        ),
    ),
)
