"""Commands about what comes in from the stations, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from core.settings import read_settings
from fluxtower.cli.common import open_store, print_table

app = typer.Typer()


@app.command()
def gaps(
    station: Annotated[str | None, typer.Argument(help="Station id; default: all.")] = None,
    filled: Annotated[bool, typer.Option("--all", help="Those too that were filled late.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Look first whether other data have filled them.")] = False,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 50,
) -> None:
    """List the known gaps: from when to when nothing came, how much is missing, since when that is known."""
    from rich.table import Table

    table = Table("station", "stream", "from (UTC)", "to (UTC)", "messages", "still missing", "noticed", "filled")
    with open_store(read_settings()) as store:
        if station is not None:
            store.stations.read(station)
        if check:
            store.gaps.check(station)
        for gap in store.gaps.find(station, limit, filled=filled):
            table.add_row(
                gap.station,
                gap.stream,
                f"{gap.starts:%Y-%m-%d %H:%M:%S.%f}"[:-3],
                f"{gap.ends:%Y-%m-%d %H:%M:%S.%f}"[:-3],
                f"{'' if gap.counted else 'about '}{gap.blocks}",
                f"{gap.missing_s:.1f} s",
                f"{gap.noticed:%Y-%m-%d %H:%M:%S}",
                f"{gap.filled:%Y-%m-%d %H:%M:%S}" if gap.filled else "",
            )
    print_table(table)


def show_station(id: str) -> None:
    """Print how the messages of a station's streams come in."""
    from rich.table import Table

    names = ("stream", "last message", "records", "repeated", "restarts", "lag", "clock", "open gaps")
    table = Table(*names)
    now = datetime.now(UTC)
    with open_store(read_settings()) as store:
        streams = store.stations.read(id).station.streams
        arrivals = {one.stream: one for one in store.watermarks.read_arrivals(id)}
        open_gaps = store.gaps.find(id)
        rejects = len(store.rejects.find(1000, station=id))
    for stream in [*streams, *sorted(arrivals.keys() - streams.keys())]:
        one = arrivals.get(stream)
        known = sum(gap.stream == stream for gap in open_gaps)
        if one is None or one.seen is None or one.lag_s is None or one.delay_s is None:
            table.add_row(stream, "never", *[""] * 5, str(known))
            continue
        table.add_row(
            stream,
            f"{(now - one.seen).total_seconds():.0f} s ago",
            str(one.records),
            str(one.duplicates),
            str(one.restarts),
            f"{one.lag_s:.1f} s",
            f"{-one.delay_s:+.1f} s",
            str(known),
        )
    print_table(table)
    typer.echo(f"messages refused and not stored since: {rejects if rejects < 1000 else '1000 or more'}")
