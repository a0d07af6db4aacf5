"""Commands about releases, and about who is told of them."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from core.access import Principal
from core.settings import read_settings
from fluxtower.cli.common import open_store, print_table

app = typer.Typer()
release_app = typer.Typer(no_args_is_help=True, help="Releases: runs frozen under a number, cited, never changed.")
webhook_app = typer.Typer(no_args_is_help=True, help="Addresses that are told of releases.")
app.add_typer(release_app, name="release")
app.add_typer(webhook_app, name="webhook")

NameArgument = Annotated[str, typer.Argument(help="Name of the release: `fluxtower release list`.")]


@release_app.command()
def add(
    station: Annotated[str, typer.Argument(help="Station id.")],
    run: Annotated[int, typer.Argument(help="Number of the run: `fluxtower run list`.")],
    licence: Annotated[
        str, typer.Option(help="SPDX name: CC-BY-4.0, CC-BY-SA-4.0, CC-BY-NC-4.0, CC0-1.0.")
    ] = "CC-BY-4.0",
    title: Annotated[str, typer.Option(help="Default: from the station's name.")] = "",
    creator: Annotated[
        list[str] | None,
        typer.Option("--creator", help="Whom to cite; may be repeated; default: the station.", show_default=False),
    ] = None,
    known_issue: Annotated[
        list[str] | None,
        typer.Option("--known-issue", help="What is known to be wrong; may be repeated.", show_default=False),
    ] = None,
) -> None:
    """Freeze a run under the station's next number; its files are written once. It cannot be undone, only withdrawn."""
    from api.releases.making import folder_of, make_release

    settings, by = read_settings(), getpass.getuser()
    with open_store(settings) as store:
        made = make_release(
            store,
            settings,
            station,
            run,
            by=by,
            licence=licence,
            title=title,
            creators=creator or (),
            known_issues=known_issue or (),
        )
        store.access.log(_operator(), "release", station, "done", release=made.name, run=run)
    typer.echo(f"{made.name}: {made.citation}")
    for file in made.files:
        typer.echo(f"{file.sha256}  {folder_of(settings, made.name) / file.name}")
    if not made.said["review"]["is_whole"]:
        missing = len(made.said["review"]["missing"]) + len(made.said["review"]["changed"])
        typer.echo(f"the period is not wholly reviewed ({missing} points): the release says so", err=True)


@release_app.command("list")
def list_releases(
    station: Annotated[str | None, typer.Argument(help="Station id; default: all.")] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 50,
) -> None:
    """List the newest releases."""
    from fluxtower.release_tables import release_table

    with open_store(read_settings()) as store:
        print_table(release_table(store.releases.find(station, limit=limit)))


@release_app.command()
def show(name: NameArgument) -> None:
    """Show a release as JSON: citation, files, state of the review, what changed, known issues."""
    import orjson

    with open_store(read_settings()) as store:
        found = store.releases.read(name)
    typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode())


@release_app.command()
def issue(name: NameArgument, text: Annotated[str, typer.Argument(help="What is wrong with it.")]) -> None:
    """Add a known issue, with today's date, to a release."""
    _add_issue(name, text, withdraws=False)


@release_app.command()
def withdraw(name: NameArgument, text: Annotated[str, typer.Argument(help="Why.")]) -> None:
    """Say that a release is not to be used: its page stays and says why, its files are no longer sent."""
    _add_issue(name, text, withdraws=True)


@release_app.command()
def check(name: Annotated[str | None, typer.Argument(help="Name of the release; default: all.")] = None) -> None:
    """Compare the files on disk with the SHA-256 of the day of the release; exit status 1 if one differs."""
    from api.releases.making import find_damage

    settings = read_settings()
    with open_store(settings) as store:
        found = [store.releases.read(name)] if name else store.releases.find(limit=1_000_000)
    problems = [problem for one in found for problem in find_damage(settings, one)]
    for problem in problems:
        typer.echo(problem, err=True)
    typer.echo(f"{sum(len(one.files) for one in found)} files of {len(found)} releases, {len(problems)} damaged")
    if problems:
        raise typer.Exit(1)


@webhook_app.command("add")
def add_webhook(
    url: Annotated[str, typer.Argument(help="https address, or one of this machine.")],
    station: Annotated[
        str | None, typer.Option("--station", help="Only of this one, also if it is not public.", show_default=False)
    ] = None,
) -> None:
    """Tell an address of releases, known issues and withdrawals; shows the secret that signs what is sent."""
    from fluxtower.webhooks import check_address, secret_of

    settings = read_settings()
    check_address(url)
    with open_store(settings) as store:
        number = store.webhooks.put(url, station, getpass.getuser())
        store.access.log(_operator(), "add webhook", station or "", "done", webhook=number, url=url)
    typer.echo(f"webhook {number}; X-Fluxtower-Signature is `sha256=` and the HMAC-SHA256 with this secret:", err=True)
    typer.echo(secret_of(settings, number))


@webhook_app.command("list")
def list_webhooks() -> None:
    """List the addresses, what they were told and what still waits."""
    from fluxtower.release_tables import webhook_table

    with open_store(read_settings()) as store:
        print_table(webhook_table(store.webhooks.read()))


@webhook_app.command("remove")
def remove_webhook(number: Annotated[int, typer.Argument(help="Of the webhook: `fluxtower webhook list`.")]) -> None:
    """Tell an address nothing more."""
    with open_store(read_settings()) as store:
        store.webhooks.remove(number)
        store.access.log(_operator(), "remove webhook", "", "done", webhook=number)


def _add_issue(name: str, text: str, *, withdraws: bool) -> None:
    from api.releases.making import add_issue

    with open_store(read_settings()) as store:
        found = add_issue(store, name, text, by=getpass.getuser(), withdraws=withdraws)
        action = "withdraw release" if withdraws else "add known issue"
        store.access.log(_operator(), action, found.station, "done", release=name, text=text)
    typer.echo(f"{name}: {'withdrawn' if withdraws else 'known issue added'}")


def _operator() -> Principal:
    return Principal(getpass.getuser(), "system", "admin")
