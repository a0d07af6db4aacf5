-- What is fitted over a longer period and then applied to each half-hour; append-only, the newest of a kind is in force.

CREATE TABLE fit (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station       int NOT NULL REFERENCES station,
    kind          text NOT NULL,
    data          jsonb NOT NULL,
    period_start  timestamptz NOT NULL,
    period_end    timestamptz NOT NULL,
    config_sha256 text NOT NULL,
    code_version  text NOT NULL,
    created       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX fit_newest ON fit (station, kind, created DESC);
