"""Commands about reviews."""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from core.review import Level, Verdict
from core.settings import read_settings
from fluxtower.cli.common import TIMES, open_store, print_table

app = typer.Typer()
review_app = typer.Typer(no_args_is_help=True, help="Reviews by the station and the centre: what is due, signing.")
app.add_typer(review_app, name="review")

YEAR = timedelta(days=366)
StationArgument = Annotated[str, typer.Argument(help="Station id.")]
Since = Annotated[datetime | None, typer.Option("--from", formats=TIMES, help="Begin (UTC); default: a year ago.")]
Until = Annotated[datetime | None, typer.Option("--to", formats=TIMES, help="End (UTC); default: now.")]


@review_app.command()
def due(
    station: Annotated[str | None, typer.Argument(help="Station id; default: all.")] = None,
    begin: Since = None,
    end: Until = None,
) -> None:
    """List the months that the centre has not reviewed, and why; exit status 1 if one is overdue."""
    from fluxtower.tables import month_table
    from qc.review import read_states

    settings = read_settings()
    start, stop = _period(begin, end)
    with open_store(settings) as store:
        rows = [store.stations.read(station)] if station else store.stations.read_all()
        found = [
            (row.station.id, month)
            for row in rows
            for month in read_states(store.reviews, row, start, stop, settings.review_days)
            if month.state != "centre"
        ]
    print_table(month_table(found))
    if any(month.is_overdue for _, month in found):
        raise typer.Exit(1)


@review_app.command("list")
def list_reviews(station: StationArgument, begin: Since = None, end: Until = None) -> None:
    """List the signed reviews of a station."""
    from fluxtower.tables import review_table

    with open_store(read_settings()) as store:
        print_table(review_table(store.reviews.find(station, *_period(begin, end))))


@review_app.command()
def sign(
    station: StationArgument,
    level: Annotated[Level, typer.Option(help="station: its operator; centre: the province or centre.")],
    begin: Annotated[datetime, typer.Option("--from", formats=TIMES, help="Begin (UTC).")],
    end: Annotated[datetime, typer.Option("--to", formats=TIMES, help="End (UTC), not included.")],
    verdict: Annotated[
        Verdict, typer.Option(help="accepted: what is not flagged is good; returned: to be looked at again.")
    ] = "accepted",
    subject: Annotated[
        list[str] | None,
        typer.Option("--subject", help="stream.channel, or fluxes; may be repeated; default: all.", show_default=False),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; needed if the data are returned.")] = "",
) -> None:
    """Sign a review in your name; it is never edited, and a newer one undoes it.

    Wrong readings are flagged before, each with its reason: `fluxtower reading flag`.
    """
    from core.access import Principal
    from core.store import Draft
    from qc.review import sign_review

    by = getpass.getuser()
    start, stop = begin.replace(tzinfo=UTC), end.replace(tzinfo=UTC)
    with open_store(read_settings()) as store:
        made = sign_review(store, Draft(station, level, verdict, tuple(subject or ()), start, stop, reason, by))
        store.access.log(
            Principal(by, "system", "admin"), "review", station, "done", review=made.id, level=level, verdict=verdict
        )
    typer.echo(f"review {made.id} of {station} by {by}: {level}, {verdict}, {', '.join(made.subjects)}")


def _period(begin: datetime | None, end: datetime | None) -> tuple[datetime, datetime]:
    stop = end.replace(tzinfo=UTC) if end else datetime.now(UTC)
    return begin.replace(tzinfo=UTC) if begin else stop - YEAR, stop
