"""What files that leave the house say of a station: who answers for it, its licence, what hung where and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, model_validator

from core.station.part import Part, mistake

Igbp = Literal[
    "BSV", "CRO", "CSH", "CVM", "DBF", "DNF", "EBF", "ENF", "GRA", "MF", "OSH", "SAV", "SNO", "URB", "WAT", "WET", "WSA"
]
"""Vegetation as AmeriFlux and FLUXNET write it (IGBP)."""
SiteId = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}-[A-Za-z0-9]{3}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000)]


class Person(Part):
    """Somebody who answers for the data."""

    name: Text
    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
    organisation: Text | None = None
    orcid: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{4}-\d{4}-\d{3}[\dX]$")] | None = None


class Instrument(Part):
    """An instrument with its serial number, and from when until when it hung there."""

    model: Text
    serial: Text | None = None
    variables: tuple[Text, ...] = ()
    height: Annotated[float, Field(ge=-100, le=500, description="metres above ground")] | None = None
    installed: date | None = None
    removed: date | None = None

    @model_validator(mode="after")
    def _is_removed_after(self) -> Instrument:
        if self.installed and self.removed and self.removed < self.installed:
            raise mistake("removed", f"a day after {self.installed}", str(self.removed))
        return self


class Metadata(Part):
    """All of it is optional; files name what is missing."""

    pi: Person | None = None
    contact: Person | None = None
    igbp: Igbp | None = None
    licence: Annotated[Text, Field(description="an SPDX name such as CC-BY-4.0")] | None = None
    doi: Annotated[str, StringConstraints(pattern=r"^10\.\d{4,9}/\S+$")] | None = None
    ameriflux_id: SiteId | None = None
    fluxnet_id: SiteId | None = None
    acknowledgement: Text | None = None
    instrument: tuple[Instrument, ...] = ()

    @property
    def missing(self) -> list[str]:
        """Keys of the station file that files would like to have and that are not there."""
        keys = ("pi", "contact", "igbp", "licence", "doi", "ameriflux_id", "fluxnet_id", "instrument")
        return [f"metadata.{key}" for key in keys if not getattr(self, key)] + list(self._missing_of_parts())

    def _missing_of_parts(self) -> Iterator[str]:
        for key in ("pi", "contact"):
            person: Person | None = getattr(self, key)
            if person and not person.email:
                yield f"metadata.{key}.email"
        for i, one in enumerate(self.instrument):
            for key in ("serial", "installed"):
                if getattr(one, key) is None:
                    yield f"metadata.instrument[{i}].{key}"
