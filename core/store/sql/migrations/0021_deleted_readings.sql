-- Readings that a person deleted, kept beside: the same value that is sent again stays out, another one takes its place.
-- Who deleted or flagged what, and why, is in ``event``.

CREATE TABLE reading_deleted (
    time     timestamptz NOT NULL,
    station  int NOT NULL REFERENCES station,
    stream   int NOT NULL REFERENCES stream,
    received timestamptz NOT NULL,
    values   real[] NOT NULL,
    flags    smallint[],
    event    bigint NOT NULL REFERENCES event
);
CREATE INDEX reading_deleted_key ON reading_deleted (station, stream, time);
