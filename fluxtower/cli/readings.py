"""Commands about readings that a person knows to be wrong."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from core.settings import read_settings
from fluxtower.cli.common import TIMES, open_store, print_table

if TYPE_CHECKING:
    from core.store import Action

app = typer.Typer()
reading_app = typer.Typer(no_args_is_help=True, help="Readings that are wrong: flag or delete them, with the reason.")
app.add_typer(reading_app, name="reading")

StationArgument = Annotated[str, typer.Argument(help="Station id.")]
StreamArgument = Annotated[str, typer.Argument(help="Its stream of readings.")]
Begin = Annotated[datetime, typer.Option("--from", formats=TIMES, help="First reading (UTC).")]
End = Annotated[datetime, typer.Option("--to", formats=TIMES, help="Time after the last one (UTC).")]
Why = Annotated[str, typer.Option("--reason", help="Why; kept in the log.")]
Channels = Annotated[
    list[str] | None, typer.Option("--channel", help="Only this channel; may be repeated.", show_default=False)
]


@reading_app.command()
def flag(
    station: StationArgument, stream: StreamArgument, begin: Begin, end: End, reason: Why, channel: Channels = None
) -> None:
    """Flag readings as bad (4): they stay, and neither half-hours nor seasons use them; these are made anew."""
    _correct("flag", station, stream, begin, end, reason, channel)


@reading_app.command()
def unflag(
    station: StationArgument, stream: StreamArgument, begin: Begin, end: End, reason: Why, channel: Channels = None
) -> None:
    """Take flags back: readings have what their check says of them."""
    _correct("unflag", station, stream, begin, end, reason, channel)


@reading_app.command()
def delete(station: StationArgument, stream: StreamArgument, begin: Begin, end: End, reason: Why) -> None:
    """Delete readings; a right value that is sent for their time later is stored, the same one again is not."""
    _correct("delete", station, stream, begin, end, reason, None)


@reading_app.command()
def log(
    station: Annotated[str | None, typer.Argument(help="Station id; default: all.")] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 50,
) -> None:
    """List what was flagged, unflagged and deleted, when, by whom and why."""
    from fluxtower.tables import correction_table

    with open_store(read_settings()) as store:
        if station is not None:
            store.stations.read(station)
        print_table(correction_table(store.corrections.find(station, limit)))


def _correct(
    action: Action, station: str, stream: str, begin: datetime, end: datetime, reason: str, channels: list[str] | None
) -> None:
    from core.store import Correction
    from qc.corrections import correct

    start, stop = begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
    said = Correction(action, station, stream, start, stop, tuple(channels or ()), reason, getpass.getuser())
    with open_store(read_settings()) as store:
        done = correct(store, said)
    words = {"flag": "flagged", "unflag": "no longer flagged", "delete": "deleted"}
    typer.echo(f"{done.readings} readings {words[action]}; {done.due} half-hours are computed anew")
    if done.dropped:
        typer.echo(f"{done.dropped} half-hours stay as they are: retention has dropped their samples", err=True)
        raise typer.Exit(1)
