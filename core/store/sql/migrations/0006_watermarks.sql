-- What has come, and what has not: the committed watermark of each numbering, counters of each stream, known gaps.

-- A row for each run that a sender of a stream numbered its blocks in; run 0 also for those that do not count.
-- Written every few seconds, after the data and apart from them: it may say less than what is stored, never more.
CREATE TABLE watermark (
    station    text NOT NULL,
    stream     text NOT NULL,
    run        bigint NOT NULL,
    committed  int8multirange NOT NULL DEFAULT '{}',  -- numbers of stored blocks
    top        bigint,                                -- highest of them
    top_starts bigint,                                -- where its block starts [us since 1970 UTC]
    restarts   int NOT NULL DEFAULT 0,                -- how often the numbers of run 0 began afresh
    covered    int8multirange NOT NULL DEFAULT '{}',  -- times of stored data, each message half its length longer [us]
    covered_from bigint NOT NULL DEFAULT 0,           -- what lies before is no longer in covered [us]
    unit       bigint NOT NULL DEFAULT 0,             -- length of the last message [us]
    looked     boolean NOT NULL DEFAULT false,        -- whether the search for gaps has seen covered
    records    bigint NOT NULL DEFAULT 0,             -- blocks or readings that came, repeated ones too
    duplicates bigint NOT NULL DEFAULT 0,
    seen       timestamptz,                           -- when the last message came
    newest     timestamptz,                           -- end of the newest data
    lag        double precision,                      -- of the last message: arrival minus end of its data [s]
    delay      double precision,                      -- smallest lag of the last 10 to 20 minutes [s]
    PRIMARY KEY (station, stream, run)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0.5, autovacuum_analyze_scale_factor = 1);

-- Stretches of time for which nothing came although data after them did.
CREATE TABLE gap (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station text NOT NULL,
    stream  text NOT NULL,
    starts  timestamptz NOT NULL,
    ends    timestamptz NOT NULL,
    blocks  bigint NOT NULL,                          -- messages missing when it was noticed
    counted boolean NOT NULL,                         -- by the sender's numbers, not by the length of its messages
    missing int8multirange NOT NULL,                  -- what is still missing [us since 1970 UTC]
    noticed timestamptz NOT NULL DEFAULT clock_timestamp(),
    filled  timestamptz
);
CREATE INDEX gap_open ON gap (station, stream) WHERE filled IS NULL;
CREATE INDEX gap_newest ON gap (station, starts DESC);

CREATE VIEW v_gap AS
SELECT station, stream, starts, ends, blocks, counted,
       (SELECT coalesce(sum(upper(m) - lower(m)), 0) / 1e6 FROM unnest(missing) AS m)::double precision AS missing_s,
       noticed, filled
FROM gap;

CREATE VIEW v_arrival AS
SELECT station, stream, sum(records)::bigint AS records, sum(duplicates)::bigint AS duplicates,
       count(*) - 1 + sum(restarts)::bigint AS restarts, max(seen) AS seen, max(newest) AS newest,
       (array_agg(lag ORDER BY seen DESC NULLS LAST))[1] AS lag_s, (array_agg(delay ORDER BY seen DESC NULLS LAST))[1] AS delay_s
FROM watermark GROUP BY station, stream;

-- The same message refused again is counted, not kept again; a mended one is marked, not deleted.
ALTER TABLE reject
    ADD COLUMN digest bytea GENERATED ALWAYS AS (sha256(payload)) STORED,
    ADD COLUMN times  bigint NOT NULL DEFAULT 1,
    ADD COLUMN last   timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN done   timestamptz;

WITH first AS (
    SELECT min(id) AS id, count(*) AS times, max(received) AS last FROM reject GROUP BY topic, digest HAVING count(*) > 1
), counted AS (
    UPDATE reject r SET times = f.times, last = f.last FROM first f WHERE r.id = f.id
)
DELETE FROM reject r WHERE EXISTS (
    SELECT 1 FROM reject e WHERE e.topic = r.topic AND e.digest = r.digest AND e.id < r.id);
CREATE UNIQUE INDEX reject_same ON reject (topic, digest);
CREATE INDEX reject_station ON reject (station, id);
