-- Everything that is kept. Times are UTC and mark the START of their interval; missing is NULL or NaN, never -9999.

CREATE TABLE station (
    key     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id      text NOT NULL UNIQUE,
    created timestamptz NOT NULL DEFAULT now()
);

-- append-only: a result names, by SHA-256, the configuration that made it
CREATE TABLE station_config (
    station    int NOT NULL REFERENCES station,
    valid_from timestamptz NOT NULL DEFAULT clock_timestamp(),
    sha256     text NOT NULL,
    toml       text NOT NULL,
    PRIMARY KEY (station, valid_from)
);

-- one row per layout of a stream: a station that changes its channels gets a new row, so old vectors keep their meaning
CREATE TABLE stream (
    key       int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station   int NOT NULL REFERENCES station,
    name      text NOT NULL,
    kind      text NOT NULL CHECK (kind IN ('block', 'reading')),
    dt_ns     bigint NOT NULL CHECK (dt_ns > 0),
    channels  text[] NOT NULL,
    variables text[] NOT NULL,
    units     text[] NOT NULL,
    UNIQUE (station, name, kind, dt_ns, channels, variables, units)
);

-- high-rate samples as sent: one array per channel, in the order of stream.channels
CREATE TABLE sample_block (
    time     timestamptz NOT NULL,
    station  int NOT NULL,
    stream   int NOT NULL,
    n        int NOT NULL,
    dt_ns    bigint NOT NULL,
    seq      bigint,
    received timestamptz NOT NULL DEFAULT now(),
    c1  real[], c2  real[], c3  real[], c4  real[], c5  real[], c6  real[], c7  real[], c8  real[],
    c9  real[], c10 real[], c11 real[], c12 real[], c13 real[], c14 real[], c15 real[], c16 real[],
    c17 real[], c18 real[], c19 real[], c20 real[], c21 real[], c22 real[], c23 real[], c24 real[],
    c25 real[], c26 real[], c27 real[], c28 real[], c29 real[], c30 real[], c31 real[], c32 real[]
);
SELECT create_hypertable('sample_block', 'time', chunk_time_interval => interval '1 day', create_default_indexes => false);
CREATE UNIQUE INDEX sample_block_key ON sample_block (station, stream, time);

-- per minute and channel (arrays in the order of stream.channels), written with the samples: charts read this
CREATE TABLE minute (
    time    timestamptz NOT NULL,
    station int NOT NULL,
    stream  int NOT NULL,
    n       int[] NOT NULL,
    mean    double precision[] NOT NULL,
    min     real[] NOT NULL,
    max     real[] NOT NULL,
    sd      double precision[] NOT NULL
);
SELECT create_hypertable('minute', 'time', chunk_time_interval => interval '30 days', create_default_indexes => false);
CREATE UNIQUE INDEX minute_key ON minute (station, stream, time);

-- slow messages as vectors; the value never changes, flags are added beside it
CREATE TABLE reading (
    time     timestamptz NOT NULL,
    station  int NOT NULL,
    stream   int NOT NULL,
    received timestamptz NOT NULL DEFAULT now(),
    values   real[] NOT NULL,
    flags    smallint[]
);
SELECT create_hypertable('reading', 'time', chunk_time_interval => interval '30 days', create_default_indexes => false);
CREATE UNIQUE INDEX reading_key ON reading (station, stream, time);
CREATE INDEX reading_unflagged ON reading (station, stream, time) WHERE flags IS NULL;

-- the newest vector of each stream, so that a status page never scans
CREATE TABLE latest (
    stream   int PRIMARY KEY REFERENCES stream,
    station  int NOT NULL REFERENCES station,
    time     timestamptz NOT NULL,
    received timestamptz NOT NULL,
    values   real[] NOT NULL
);

CREATE TABLE reject (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    received timestamptz NOT NULL DEFAULT now(),
    topic    text NOT NULL,
    station  text NOT NULL DEFAULT '',
    reason   text NOT NULL,
    payload  bytea NOT NULL
);

-- which averaging intervals have new data: an interval is due while its revision is not the computed one
CREATE TABLE interval_state (
    station  int NOT NULL REFERENCES station,
    time     timestamptz NOT NULL,
    ends     timestamptz NOT NULL,
    lateness interval NOT NULL,
    expected int NOT NULL,
    samples  int NOT NULL,
    touched  timestamptz NOT NULL DEFAULT clock_timestamp(),
    revision bigint NOT NULL DEFAULT 1,
    computed bigint,
    failure  text,
    PRIMARY KEY (station, time)
);
CREATE INDEX interval_state_due ON interval_state (touched) WHERE computed IS NULL OR computed < revision;

CREATE TABLE flux (
    time              timestamptz NOT NULL,
    station           int NOT NULL,
    ends              timestamptz NOT NULL,
    tau               double precision,
    ustar             double precision,
    h                 double precision,
    le                double precision,
    et                double precision,
    fc                double precision,
    fh2o              double precision,
    tau_ssitc_test    double precision,
    h_ssitc_test      double precision,
    le_ssitc_test     double precision,
    fc_ssitc_test     double precision,
    mo_length         double precision,
    zl                double precision,
    ws                double precision,
    ws_max            double precision,
    wd                double precision,
    t_sonic           double precision,
    ta                double precision,
    pa                double precision,
    rh                double precision,
    vpd               double precision,
    co2               double precision,
    h2o               double precision,
    co2_mixing_ratio  double precision,
    h2o_mixing_ratio  double precision,
    u_sigma           double precision,
    v_sigma           double precision,
    w_sigma           double precision,
    t_sonic_sigma     double precision,
    tke               double precision,
    reasons           jsonb NOT NULL,
    diagnostics       jsonb NOT NULL,
    config_sha256     text NOT NULL,
    code_version      text NOT NULL,
    revision          bigint NOT NULL,
    computed          timestamptz NOT NULL DEFAULT now()
);
SELECT create_hypertable('flux', 'time', chunk_time_interval => interval '365 days', create_default_indexes => false);
CREATE UNIQUE INDEX flux_key ON flux (station, time);

-- what a recomputation replaced
CREATE TABLE flux_history (LIKE flux, replaced timestamptz NOT NULL DEFAULT now());
CREATE INDEX flux_history_key ON flux_history (station, time);

-- a season run is never edited; provisional ones are superseded by newer ones
CREATE TABLE run (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station       int NOT NULL REFERENCES station,
    kind          text NOT NULL,
    config_sha256 text NOT NULL,
    code_version  text NOT NULL,
    methods       jsonb NOT NULL,
    started       timestamptz NOT NULL,
    finished      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX run_newest ON run (station, kind, finished DESC);

CREATE TABLE product (
    time         timestamptz NOT NULL,
    run          bigint NOT NULL,
    nee          double precision,
    nee_f        double precision,
    nee_f_qc     smallint,
    nee_f_sd     double precision,
    nee_f_n      int,
    nee_f_method smallint,
    nee_f_window int
);
SELECT create_hypertable('product', 'time', chunk_time_interval => interval '365 days', create_default_indexes => false);
CREATE UNIQUE INDEX product_key ON product (run, time);

CREATE TABLE release (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run      bigint NOT NULL REFERENCES run,
    released timestamptz NOT NULL DEFAULT now(),
    sha256   text NOT NULL,
    citation text NOT NULL,
    licence  text NOT NULL
);

CREATE TABLE event (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station  int REFERENCES station,
    time     timestamptz NOT NULL,
    ends     timestamptz,
    kind     text NOT NULL,
    severity text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    message  text NOT NULL,
    data     jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX event_newest ON event (station, time DESC);
