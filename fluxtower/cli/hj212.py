"""Commands of the exchange with ecology bureaus by HJ 212, and the table of quality codes."""

from __future__ import annotations

import typer

from fluxtower.cli.common import prepare_service, print_table, stop_on_signals

app = typer.Typer()
hj212_app = typer.Typer(no_args_is_help=True, help="HJ 212: take frames of devices, and send ours to a bureau.")
app.add_typer(hj212_app, name="hj212")


@hj212_app.command()
def listen() -> None:
    """Take frames over TCP from the devices of the list, commit them, then send receipts."""
    from ingest.hj212.receiving import listener

    listener.run_listener(prepare_service(), stop_on_signals())


@app.command()
def codes() -> None:
    """List the quality codes of other schemes and what they are with us."""
    from fluxtower.tables import code_table

    print_table(code_table())
