"""What a station file may choose among: what we have ourselves, and what other packages add by entry points.

The choices stand in the layer that uses them (formats in ``ingest``, methods in ``fluxcalc``), as a mapping of our own
ones in plain sight of the type checker. This module knows neither, so the layers stay as they are: a station file is
parsed here in ``core`` with the names as texts, and ``ingest.formats.check_formats`` and
``fluxcalc.halfhour.steps.check_methods`` say whether there are such things. So a station that is registered can always
be read, also by a service that has no use for its format, and where the package of one is broken: what fails then is
that station's message, file or half-hour, by name.

Ours are no entry points: they would be found only where the metadata of the installation is as new as the code, and
they would cost a look through all installed packages. Other packages are looked for only when a name is not ours or
choices are listed, and of them only the module that is named is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TypeVar

from core.errors import ConfigError

T = TypeVar("T")


class Choices(Mapping[str, T]):
    """What a key of the station file may be, by name: first ours, then those of other packages.

    Parameters
    ----------
    own : mapping of str to T
        Ours. One that another package calls the same is not taken over by it.
    group : str
        Entry points of other packages.
    accept : callable
        ``(what the entry point is, its package) -> T``; raises ``Unfit`` if it is something else.
    prefix : str
        What names in the group begin with that are choices here; it is no part of the name.
    """

    def __init__(
        self, own: Mapping[str, T], group: str, accept: Callable[[object, str], T], *, prefix: str = ""
    ) -> None:
        self.own = own
        self.group = group
        self._accept = accept
        self._prefix = prefix
        self._loaded: dict[str, T] = {}
        self._broken: dict[str, ConfigError] = {}

    def __getitem__(self, name: str) -> T:
        """Return a choice.

        Raises
        ------
        KeyError
            There is none of that name.
        ConfigError
            The package that offers it is broken, or two packages do; names them.
        """
        if name in self.own:
            return self.own[name]
        if name in self._broken:
            raise self._broken[name]
        if name not in self._loaded:
            try:
                self._loaded[name] = self._load(name)
            except ConfigError as error:  # a collector asks with every message
                self._broken[name] = error
                raise
        return self._loaded[name]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self.own or bool(self._offers(name)))

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        names = (point.name for point in find_extensions(self.group))
        others = (name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix))
        yield from sorted({*others} - {*self.own})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def package_of(self, name: str) -> str:
        """Return name and version of the package that offers a choice; empty for one of ours."""
        return "" if name in self.own else " and ".join(_package(point) for point in self._offers(name))

    def check(self, name: str, file: str, key: str) -> T:
        """Return a choice that a station file names.

        Raises
        ------
        ConfigError
            It is unknown, offered twice, or its package is broken; names file, key and packages.
        """
        offers = [_package(point) for point in self._offers(name)]
        if name in self.own and offers:
            raise _offered_twice(file, key, name, ["fluxtower", *offers])
        if name not in self.own and not offers:
            raise ConfigError(file, key, f"one of {', '.join(self)}", repr(name))
        try:
            return self[name]
        except ConfigError as error:
            raise ConfigError(file, key, error.expected, error.got) from None

    def _offers(self, name: str) -> list[EntryPoint]:
        return [point for point in find_extensions(self.group) if point.name == self._prefix + name]

    def _load(self, name: str) -> T:
        offers = self._offers(name)
        if not offers:
            raise KeyError(f"no {self.group} of that name: {name}: is its package installed?")
        if len(offers) > 1:
            raise _offered_twice("(packages)", self.group, name, [_package(point) for point in offers])
        (point,) = offers
        package = _package(point)
        try:
            return self._accept(point.load(), package)
        # importing runs whatever the package does
        except (Exception, SystemExit) as error:
            what = str(error) if isinstance(error, Unfit) else f"{type(error).__name__}: {error}"
            raise ConfigError(
                package,
                f"{self.group} {point.name}",
                f"{name!r} of the package {package} to work",
                f"{what[:300]} ({point.value}): mend that package or remove it",
            ) from error


class Unfit(TypeError):
    """What an entry point names is not what its group is for; says what it should be."""

    def __init__(self, expected: str, got: object) -> None:
        super().__init__(f"expected {expected}, got {type(got).__name__}")


@cache
def find_extensions(group: str) -> Sequence[EntryPoint]:
    """Return the entry points of a group in all installed packages; imports none of them."""
    return tuple(entry_points(group=group))


def _package(point: EntryPoint) -> str:
    return "a package without a name" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def _offered_twice(file: str, key: str, name: str, packages: Sequence[str]) -> ConfigError:
    return ConfigError(
        file,
        key,
        "a name that one package has",
        f"{name!r} of {' and '.join(packages)}: rename it in a package of yours, or remove one of these",
    )
