"""Commands about who may read and do what: users, API keys, policies, the audit log."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from core.access import DATA_CLASSES, DataClass, Openness, Policy, Principal, Role
from core.settings import read_settings
from fluxtower.cli.common import TIMES, open_store, print_table

app = typer.Typer()
user_app = typer.Typer(no_args_is_help=True, help="Users who may log in: add, list, disable them, set passwords.")
key_app = typer.Typer(no_args_is_help=True, help="API keys of programs: make, list and revoke them.")
policy_app = typer.Typer(no_args_is_help=True, help="What of a station is public: show and set it.")
app.add_typer(user_app, name="user")
app.add_typer(key_app, name="key")
app.add_typer(policy_app, name="policy")

RoleOption = Annotated[Role, typer.Option("--role", help="What he may do at the stations of the scope.")]
Scope = Annotated[
    list[str], typer.Option("--scope", help="Station id, group:NAME or *; may be repeated.", show_default=False)
]


@user_app.command("add")
def add_user(
    name: Annotated[str, typer.Argument(help="Name to log in with.")],
    role: RoleOption,
    scope: Scope,
    identity: Annotated[
        str | None, typer.Option(help="'ISSUER SUBJECT' of the identity provider, instead of a password.")
    ] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from a pipe.")] = False,
) -> None:
    """Add a user; asks for the password."""
    password = None if identity else _ask_password(from_pipe=password_stdin)
    with open_store(read_settings()) as store:
        store.access.add_account(name, role, scope, password=password, identity=identity)
        store.access.log(_operator(), "add user", "", "done", name=name, role=role, scope=scope)
    typer.echo(f"{name}: {role} at {', '.join(scope)}")


@user_app.command("password")
def set_password(
    name: Annotated[str, typer.Argument(help="Whose.")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from a pipe.")] = False,
) -> None:
    """Give a user another password; the logins end."""
    password = _ask_password(from_pipe=password_stdin)
    with open_store(read_settings()) as store:
        store.access.set_password(name, password)
        store.access.log(_operator(), "set password", "", "done", name=name)


@user_app.command("disable")
def disable_user(name: Annotated[str, typer.Argument(help="Who may no longer log in.")]) -> None:
    """End a user's logins and allow no more."""
    with open_store(read_settings()) as store:
        store.access.disable_account(name)
        store.access.log(_operator(), "disable user", "", "done", name=name)


@user_app.command("list")
def list_users() -> None:
    """List the users."""
    from fluxtower.tables import account_table

    with open_store(read_settings()) as store:
        print_table(account_table(store.access.read_accounts()))


@key_app.command("add")
def add_key(
    name: Annotated[str, typer.Argument(help="What or who it is for.")],
    role: RoleOption,
    scope: Scope,
    data_class: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            help="Of what is not public only this: raw, readings, fluxes, products; may be repeated.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[float, typer.Option(help="Days until it expires; 0: never.", min=0)] = 365,
) -> None:
    """Make an API key and show it; it is shown once, for only its hash is kept."""
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    classes = _data_classes(data_class, DATA_CLASSES)
    with open_store(read_settings()) as store:
        number, key = store.access.add_key(
            name, role, scope, made_by=getpass.getuser(), data_classes=classes, expires=expires
        )
        store.access.log(_operator(), "add key", "", "done", key=number, name=name, role=role, scope=scope)
    until = f"until {expires:%Y-%m-%d}" if expires else "for ever"
    typer.echo(f"key {number}, {role} at {', '.join(scope)}, {until}; it is not shown again:", err=True)
    typer.echo(key)


@key_app.command("list")
def list_keys() -> None:
    """List the keys, without their secrets."""
    from fluxtower.tables import key_table

    with open_store(read_settings()) as store:
        print_table(key_table(store.access.read_keys()))


@key_app.command("revoke")
def revoke_key(number: Annotated[int, typer.Argument(help="Of the key: `fluxtower key list`.")]) -> None:
    """Make a key worthless at once."""
    with open_store(read_settings()) as store:
        store.access.revoke_key(number)
        store.access.log(_operator(), "revoke key", "", "done", key=number)


@policy_app.command("set")
def set_policy(
    station: Annotated[str, typer.Argument(help="Station id.")],
    openness: Annotated[Openness, typer.Argument(help="public, embargo (until a time) or private.")],
    data_class: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            help="Of which data; may be repeated; default: all but the station itself.",
        ),
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=TIMES, help="Its end (UTC).")] = None,
    group: Annotated[str, typer.Option(help="Whose scope has group:NAME reads it all the same.")] = "",
) -> None:
    """Say how open a station's data are; it holds from now on."""
    from core.errors import ConfigError

    if (openness == "embargo") != (until is not None):
        raise ConfigError("command line", "--until", "a time with embargo, and none without", str(until))
    classes = _data_classes(data_class, [name for name in DATA_CLASSES if name != "station"])
    with open_store(read_settings()) as store:
        for name in classes:
            policy = Policy(station, name, openness, until and until.replace(tzinfo=UTC), group)
            store.access.set_policy(policy, getpass.getuser())
            said = {"data_class": name, "openness": openness, "until": str(until or ""), "group": group}
            store.access.log(_operator(), "set policy", station, "done", **said)
    typer.echo(f"{station}: {', '.join(classes)}: {openness}" + (f" until {until:%Y-%m-%d %H:%M}Z" if until else ""))


@policy_app.command("show")
def show_policies(station: Annotated[str | None, typer.Argument(help="Station id; default: all.")] = None) -> None:
    """Show the policies in force; what has none is public."""
    from fluxtower.tables import policy_table

    with open_store(read_settings()) as store:
        policies = store.access.read_policies().by_subject.values()
        print_table(policy_table(one for one in policies if station in (None, one.station)))


@app.command()
def audit(
    station: Annotated[str | None, typer.Argument(help="Station id; default: all.")] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest.", min=1)] = 50,
) -> None:
    """List who did what, and who was denied what."""
    from fluxtower.tables import audit_table

    with open_store(read_settings()) as store:
        print_table(audit_table(store.access.read_audit(station, limit=limit)))


def _data_classes(asked: Sequence[str] | None, default: Sequence[DataClass]) -> Sequence[DataClass]:
    from core.errors import ConfigError

    for name in asked or ():
        if name not in DATA_CLASSES:
            raise ConfigError("command line", "--data", f"one of {', '.join(DATA_CLASSES)}", name)
    return [name for name in DATA_CLASSES if name in asked] if asked else default


def _operator() -> Principal:
    return Principal(getpass.getuser(), "system", "admin")


def _ask_password(*, from_pipe: bool) -> str:
    from core.errors import ConfigError
    from core.passwords import MIN_LENGTH

    password = (
        typer.get_text_stream("stdin").readline().rstrip("\n")
        if from_pipe
        else typer.prompt("password", hide_input=True, confirmation_prompt=True)
    )
    if len(password) < MIN_LENGTH:
        raise ConfigError("command line", "password", f"{MIN_LENGTH} characters or more", str(len(password)))
    return str(password)
