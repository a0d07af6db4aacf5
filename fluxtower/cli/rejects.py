"""Commands about messages that were refused."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConfigError
from core.settings import read_settings
from fluxtower.cli.common import TIMES, open_store, print_table

app = typer.Typer()
reject_app = typer.Typer(no_args_is_help=True, help="Messages that could not be decoded, or fit no station file.")
app.add_typer(reject_app, name="reject")

StationOption = Annotated[str | None, typer.Option("--station", help="Only of this station.")]
Since = Annotated[datetime | None, typer.Option(formats=TIMES, help="Only those that came since then (UTC).")]
Reason = Annotated[str, typer.Option(help="Only those whose reason has these words in it.")]
SHOWN_BYTES = 512


@reject_app.command("list")
def list_rejects(
    station: StationOption = None,
    since: Since = None,
    reason: Reason = "",
    done: Annotated[bool, typer.Option("--all", help="Those too whose records were stored after all.")] = False,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 20,
) -> None:
    """List the newest messages that were refused, with the reason."""
    from fluxtower.tables import reject_table

    with open_store(read_settings()) as store:
        rejects = store.rejects.find(limit, station=station, since=_utc(since), reason=reason, done=done)
    print_table(reject_table(rejects))


@reject_app.command()
def show(
    id: Annotated[int, typer.Argument(help="Number in `reject list`.")],
    save: Annotated[Path | None, typer.Option(help="File to write the payload to.", show_default=False)] = None,
) -> None:
    """Show a refused message; save its bytes, so that they can be corrected and replayed."""
    with open_store(read_settings()) as store:
        row, payload = store.rejects.read(id)
    typer.echo(f"topic:    {row.topic}")
    typer.echo(f"received: {row.received:%Y-%m-%dT%H:%M:%S.%fZ}, {row.times} times, last {row.last:%Y-%m-%dT%H:%M:%SZ}")
    typer.echo(f"reason:   {row.reason}")
    typer.echo(f"stored:   {row.done:%Y-%m-%dT%H:%M:%SZ}" if row.done else "stored:   no")
    typer.echo(f"payload:  {row.size} bytes: {ascii(payload[:SHOWN_BYTES])[1:]}{'...' * (row.size > SHOWN_BYTES)}")
    if save is not None:
        save.write_bytes(payload)
        typer.echo(f"written to {save}")


@reject_app.command()
def replay(
    ids: Annotated[list[int] | None, typer.Argument(help="Numbers in `reject list`.", show_default=False)] = None,
    station: StationOption = None,
    since: Since = None,
    reason: Reason = "",
    everything: Annotated[bool, typer.Option("--all", help="All that are not stored yet.")] = False,
    file: Annotated[
        Path | None, typer.Option(help="Payload to decode instead of the one message's own.", show_default=False)
    ] = None,
) -> None:
    """Decode refused messages again and store their records; a message that is stored is marked, not deleted.

    Say which: by number, by --station, --since and --reason, or --all. The exit status is 1 if one is refused still.
    """
    from ingest.collector.reject_retry import RejectRetry, pending_rejects
    from ingest.collector.stamp_limits import StampLimits

    chosen = bool(ids) + (everything or bool(station or since or reason))
    if chosen != 1:
        raise ConfigError("command line", "which", "numbers, or --station, --since, --reason, or --all", "none or both")
    if file is not None and (ids is None or len(ids) != 1):
        raise ConfigError("command line", "--file", "the number of the one message that it corrects", "none or several")
    settings = read_settings()
    stored = refused = 0
    with open_store(settings) as store, RejectRetry(store, settings.topic_root, StampLimits.of(settings)) as retry:
        which = ids or pending_rejects(store, station=station, since=_utc(since), reason=reason)
        for row, why in retry.retry(which, None if file is None else file.read_bytes()):
            stored, refused = stored + (why is None), refused + (why is not None)
            if why is not None:
                typer.echo(f"{row.id}: {row.topic}: refused still: {why}", err=True)
    typer.echo(f"{stored} stored, {refused} refused still")
    if refused:
        raise typer.Exit(1)


def _utc(time: datetime | None) -> datetime | None:
    return time and time.replace(tzinfo=UTC)
