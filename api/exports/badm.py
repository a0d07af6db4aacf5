"""A station's metadata in AmeriFlux' BADM form: a row a value, grouped."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from core.station import Instrument, Person, Station

HEADER = ("SITE_ID", "GROUP_ID", "VARIABLE_GROUP", "VARIABLE", "DATAVALUE")
Row = tuple[str, str, str]


def write_badm(station: Station) -> str:
    """Return CSV with the columns of ``HEADER``; what the station file does not say has no row."""
    more = station.metadata
    site = more.ameriflux_id or more.fluxnet_id or station.id
    rows = []
    for number, group in enumerate(_groups(station), 1):
        rows += [(site, str(number), kind, name, value) for kind, name, value in group if value]
    return pl.DataFrame(rows, schema=list(HEADER), orient="row").write_csv()


def _groups(station: Station) -> Iterator[list[Row]]:
    place, more = station.station, station.metadata
    yield [("GRP_SITE_CHAR", "SITE_NAME", place.name), ("GRP_SITE_CHAR", "SITE_DESC", place.description)]
    yield [
        ("GRP_LOCATION", "LOCATION_LAT", f"{place.latitude}"),
        ("GRP_LOCATION", "LOCATION_LONG", f"{place.longitude}"),
        ("GRP_LOCATION", "LOCATION_ELEV", f"{place.altitude:g}"),
    ]
    yield [("GRP_UTC_OFFSET", "UTC_OFFSET", f"{place.utc_offset:g}")]
    yield [("GRP_IGBP", "IGBP", more.igbp or "")]
    yield [("GRP_DOI", "DOI", more.doi or "")]
    yield [("GRP_DATA_POLICY", "DATA_LICENSE", more.licence or "")]
    yield [("GRP_ACKNOWLEDGEMENT", "ACKNOWLEDGEMENT", more.acknowledgement or "")]
    if station.site is not None:
        yield [("GRP_HEIGHTC", "HEIGHTC", f"{station.site.canopy_height:g}")]
    for person, role in ((more.pi, "PI"), (more.contact, "Contact")):
        if person is not None:
            yield _person(person, role)
    for instrument in more.instrument:
        yield _instrument(instrument)


def _person(person: Person, role: str) -> list[Row]:
    said = {
        "NAME": person.name, "ROLE": role, "EMAIL": person.email, "INSTITUTION": person.organisation,
        "ORCID": person.orcid,
    }  # fmt: skip
    return [("GRP_TEAM_MEMBER", f"TEAM_MEMBER_{key}", value or "") for key, value in said.items()]


def _instrument(one: Instrument) -> list[Row]:
    said = {
        "MODEL": one.model,
        "SN": one.serial,
        "VARIABLE": ";".join(one.variables),
        "HEIGHT": "" if one.height is None else f"{one.height:g}",
        "INSTALL_DATE": one.installed and f"{one.installed:%Y%m%d}",
        "REMOVE_DATE": one.removed and f"{one.removed:%Y%m%d}",
    }
    return [("GRP_INST", f"INST_{key}", value or "") for key, value in said.items()]
