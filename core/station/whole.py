"""A whole station file: the parts, and whether they fit together."""

from __future__ import annotations

from functools import cached_property

from pydantic import Field, model_validator

from core.station.files import FileLayout, Files
from core.station.filters import overlap
from core.station.flux import Flux, Profile
from core.station.metadata import Metadata
from core.station.mole_fraction import MoleFraction
from core.station.part import Part, mistake, require_different
from core.station.site import Analyzer, Identity, Site, Sonic, Stream
from core.variables import FLUX_COLUMNS, GASES, WEATHER_COLUMNS, base_name, fraction_column, gas_columns


class Station(Part):
    """A whole station file, validated."""

    station: Identity
    site: Site | None = None
    sonic: Sonic | None = None
    analyzer: tuple[Analyzer, ...] = ()
    stream: tuple[Stream, ...] = Field(min_length=1)
    flux: Flux | None = None
    mole_fraction: MoleFraction | None = None
    files: Files = Files()
    metadata: Metadata = Metadata()

    @property
    def id(self) -> str:
        """Station id."""
        return self.station.id

    @cached_property
    def streams(self) -> dict[str, Stream]:
        """Streams by name."""
        return {stream.name: stream for stream in self.stream}

    @cached_property
    def gases(self) -> tuple[str, ...]:
        """The gases whose fluxes are made: CO2 and H2O, and what else analysers or the stream of fluxes measure."""
        if self.flux is None:
            return ()
        measured = (*self.streams[self.flux.stream].gases, *(gas for one in self.analyzer for gas in one.gases))
        return tuple(dict.fromkeys(("CO2", "H2O", *measured)))

    @cached_property
    def flux_columns(self) -> tuple[str, ...]:
        """What a half-hour of this station publishes: ``FLUX_COLUMNS``, then those of its gases beside CO2 and H2O."""
        return (*FLUX_COLUMNS, *(name for gas in self.gases[2:] for name in gas_columns(gas)))

    @cached_property
    def weather_columns(self) -> tuple[str, ...]:
        """What a half-hour has beside ``flux_columns``: those of ``WEATHER_COLUMNS`` that the meteorology measures."""
        stream = self.streams.get(self.flux.meteorology or "") if self.flux else None
        return tuple(name for name in WEATHER_COLUMNS if stream is not None and stream.channel_of(name) is not None)

    def analyzer_of(self, gas: str) -> Analyzer | None:
        """Return the analyser that measures a gas."""
        return next((analyzer for analyzer in self.analyzer if gas in analyzer.gases), None)

    def layout_of(self, stream: Stream) -> FileLayout:
        """Return what the files of a stream look like."""
        return self.files if stream.kind == "block" else self.files.meteorology

    @property
    def measurement_height(self) -> float:
        """Height of the sonic above the displacement height, z - d. [m]"""
        if self.sonic is None or self.site is None:
            raise ValueError(f"{self.id} has no [sonic] or no [site]")
        return self.sonic.height - self.site.displacement

    @model_validator(mode="after")
    def _parts_fit_together(self) -> Station:
        require_different("stream", [stream.name for stream in self.stream])
        self._require_one_meaning()
        if self.mole_fraction is not None:
            self._check_mole_fraction(self.mole_fraction)
        if self.flux is not None:
            self._check_flux(self.flux)
        return self

    def _check_flux(self, flux: Flux) -> None:
        for key in ("sonic", "site"):
            if getattr(self, key) is None:
                raise mistake(key, f"a part [{key}] beside [flux]")
        samples = self._require_stream("flux.stream", flux.stream, "block")
        for variable in ("U", "V", "W", "T_SONIC"):
            if variable == "T_SONIC" and samples.channel_of("SOS") is not None:
                continue
            if samples.channel_of(variable) is None:
                raise mistake("flux.stream", f"a channel that measures {variable}", f"none in stream {samples.name!r}")
        declared = {gas for analyzer in self.analyzer for gas in analyzer.gases}
        for gas in samples.gases:
            if gas not in (*GASES, *declared):
                raise mistake("analyzer", f"one with {gas} among its gases, for a channel measures it", "none")
        for gas in flux.options.lag_windows:
            if gas not in self.gases:
                raise mistake(f"flux.options.lag_windows.{gas}", f"one of {', '.join(self.gases)}", gas)
        if flux.meteorology is not None:
            self._require_stream("flux.meteorology", flux.meteorology, "reading")
        if flux.profile is not None:
            self._check_profile(flux.profile)
        if self.sonic is not None and self.site is not None and self.measurement_height <= 0:
            expected = f"more than the displacement height {self.site.displacement:g} m"
            raise mistake("sonic.height", expected, f"{self.sonic.height:g}")

    @property
    def topic_filters(self) -> list[tuple[str, str]]:
        """Foreign topics that this station uses: (the key that says so, MQTT topic filter)."""
        streams = [(f"stream[{i}].topic", one.topic) for i, one in enumerate(self.stream) if one.topic is not None]
        return [*streams, *(("station.state_topics", topic) for topic in self.station.state_topics)]

    def _require_one_meaning(self) -> None:
        filters = self.topic_filters
        for i, (key, topic) in enumerate(filters):
            for _, earlier in filters[:i]:
                if overlap(topic, earlier):
                    raise mistake(key, f"topics that {earlier!r} has not", repr(topic))

    def _check_profile(self, profile: Profile) -> None:
        stream = self._require_stream("flux.profile.stream", profile.stream, "reading")
        for name in profile.heights:
            place = stream.channel_index.get(name)
            if place is None:
                shown = ", ".join(stream.channel_index)
                raise mistake(f"flux.profile.heights.{name}", f"a channel of stream {stream.name!r} ({shown})")
            variable = stream.channels[place].variable
            if base_name(variable) not in ("CO2", "H2O", "TA"):
                raise mistake(f"flux.profile.heights.{name}", "a channel of CO2, H2O or TA", f"one of {variable}")

    def _check_mole_fraction(self, part: MoleFraction) -> None:
        stream = self.streams.get(part.stream)
        if stream is None:
            raise mistake("mole_fraction.stream", "a stream of this file", repr(part.stream))
        for key, name in part.channels:
            if stream.channel_called(name) is None:
                shown = ", ".join(stream.channel_index)
                raise mistake(f"mole_fraction.{key}", f"a channel of stream {stream.name!r} ({shown})", repr(name))
        self._require_measures("valve", stream, part.valve, ("VALVE",))
        if part.water is not None:
            self._require_measures("water", stream, part.water, ("H2O", "H2O_MIXING_RATIO"))
        for i, gas in enumerate(part.gas):
            moist, dry = fraction_column(gas.name), f"{gas.name}_MIXING_RATIO"
            variable = self._require_measures(f"gas[{i}].channel", stream, gas.channel, (moist, dry))
            if variable == moist and part.water is None:
                raise mistake("mole_fraction.water", f"a channel of water vapour, for {gas.channel!r} is of moist air")
            if variable == dry and any(one.gas == gas.name for one in part.water_correction):
                key = "mole_fraction.water_correction"
                raise mistake(key, f"none of {gas.name}: {gas.channel!r} is dry already", f"one of {gas.name}")
            if gas.dry_channel is not None:
                self._require_measures(f"gas[{i}].dry_channel", stream, gas.dry_channel, (dry,))

    @staticmethod
    def _require_measures(key: str, stream: Stream, name: str, variables: tuple[str, ...]) -> str:
        found = base_name(stream.channels[stream.channel_index[name]].variable)
        if found not in variables:
            raise mistake(f"mole_fraction.{key}", f"a channel of {' or '.join(variables)}", f"one of {found}")
        return found

    def _require_stream(self, key: str, name: str, kind: str) -> Stream:
        stream = self.streams.get(name)
        if stream is None or stream.kind != kind:
            raise mistake(key, f"a stream of kind {kind}", repr(name))
        return stream


class SeasonStation(Station):
    """A station file of which nothing but ``[station]`` is needed: a season of a table asks for no stream."""

    stream: tuple[Stream, ...] = ()
