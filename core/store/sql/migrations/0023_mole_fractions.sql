-- Calibrated mole fractions, the tanks that they rest on, and what was found on the way.

CREATE TABLE tank (
    key     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    serial  text NOT NULL UNIQUE,
    created timestamptz NOT NULL DEFAULT now()
);

-- append-only, as station files: a result names the tank files that made it by their SHA-256
CREATE TABLE tank_file (
    tank       int NOT NULL REFERENCES tank,
    valid_from timestamptz NOT NULL DEFAULT clock_timestamp(),
    sha256     text NOT NULL,
    toml       text NOT NULL,
    PRIMARY KEY (tank, valid_from)
);

-- means over a minute (60 s) or an hour (3600 s) of an intake; flag 1 good, 2 provisional, 3 suspect, 4 bad (no value)
CREATE TABLE mole_fraction (
    time          timestamptz NOT NULL,
    station       int NOT NULL,
    gas           text NOT NULL,
    intake        text NOT NULL,
    step_s        int NOT NULL,
    value         double precision,
    sd            double precision,
    u             double precision,
    n             int NOT NULL,
    flag          smallint NOT NULL,
    reasons       text[] NOT NULL,
    scale         text NOT NULL,
    config_sha256 text NOT NULL,
    tanks_sha256  text NOT NULL,
    code_version  text NOT NULL,
    computed      timestamptz NOT NULL DEFAULT now()
);
SELECT create_hypertable('mole_fraction', 'time', chunk_time_interval => interval '90 days', create_default_indexes => false);
CREATE UNIQUE INDEX mole_fraction_key ON mole_fraction (station, step_s, gas, intake, time);

-- what a recomputation replaced; provisional values, which every calibration replaces, are not kept
CREATE TABLE mole_fraction_history (LIKE mole_fraction, replaced timestamptz NOT NULL DEFAULT now());
CREATE INDEX mole_fraction_history_key ON mole_fraction_history (station, step_s, gas, intake, time);

CREATE TABLE target_run (
    time       timestamptz NOT NULL,
    station    int NOT NULL REFERENCES station,
    gas        text NOT NULL,
    tank       text NOT NULL,
    value      double precision,
    u          double precision,
    sd         double precision,
    n          int NOT NULL,
    assigned   double precision,
    u_assigned double precision,
    flag       smallint NOT NULL,
    computed   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (station, gas, tank, time)
);

-- up to which reading values are made, and by which files
CREATE TABLE mole_fraction_state (
    station       int PRIMARY KEY REFERENCES station,
    seen          timestamptz NOT NULL,
    config_sha256 text NOT NULL,
    tanks_sha256  text NOT NULL
);

-- stretches whose raw data came late or were corrected, or whose tests of lines were entered: values around are made again
CREATE TABLE mole_fraction_request (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station int NOT NULL REFERENCES station,
    starts  timestamptz NOT NULL,
    ends    timestamptz NOT NULL
);
CREATE INDEX mole_fraction_request_station ON mole_fraction_request (station);
