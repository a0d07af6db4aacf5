-- Flags with their reasons: {"channel": ["range: 285 deg C is above 60"]}, null where there is nothing to say. ``manual`` is
-- what a person says instead (null: nothing); ``flags`` is what holds: a person's flag, else that of the checks. All of it
-- can be made again from the values, ``manual``, ``finding`` and the station file; the values never change.

ALTER TABLE reading ADD COLUMN reasons jsonb, ADD COLUMN manual smallint[];
ALTER TABLE reading ALTER COLUMN reasons SET STATISTICS 0, ALTER COLUMN manual SET STATISTICS 0;
ALTER TABLE reading_deleted ADD COLUMN reasons jsonb, ADD COLUMN manual smallint[];
ALTER TABLE latest ADD COLUMN flags smallint[], ADD COLUMN reasons jsonb;

-- what a person flagged before: no check gave a 4
UPDATE reading r SET
    manual = ARRAY(SELECT CASE WHEN f = 4 THEN 4::smallint END FROM unnest(r.flags) WITH ORDINALITY AS x (f, i) ORDER BY i),
    reasons = (
        SELECT jsonb_object_agg(st.channels[i], jsonb_build_array('manual: ' || coalesce((
            SELECT e.message FROM event e
            WHERE e.kind = 'reading flag' AND e.station = r.station AND e.time <= r.time AND e.ends > r.time
              AND e.data ->> 'stream' = st.name
              AND (e.data -> 'channels' = '[]' OR e.data -> 'channels' ? st.channels[i])
            ORDER BY e.id DESC LIMIT 1), 'no reason is known')))
        FROM stream st, unnest(r.flags) WITH ORDINALITY AS x (f, i) WHERE st.key = r.stream AND f = 4)
WHERE 4 = ANY(r.flags);

-- what a check says of a stretch of time of a channel, found in a whole window of the calendar; withdrawn when the data of
-- the window have changed and it does not hold any more
CREATE TABLE finding (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station      int NOT NULL REFERENCES station,
    stream       int NOT NULL REFERENCES stream,
    channel      text NOT NULL,
    check_name   text NOT NULL,
    starts       timestamptz NOT NULL,
    ends         timestamptz NOT NULL,
    flag         smallint NOT NULL,
    reason       text NOT NULL,
    data         jsonb NOT NULL,
    window_start timestamptz NOT NULL,
    found        timestamptz NOT NULL DEFAULT clock_timestamp(),
    withdrawn    timestamptz
);
CREATE INDEX finding_key ON finding (station, ends);
CREATE INDEX finding_in_force ON finding (stream, ends) WHERE withdrawn IS NULL;

-- windows whose data came or changed since a check last looked at them
CREATE TABLE finding_due (
    station      int NOT NULL REFERENCES station,
    check_name   text NOT NULL,
    window_start timestamptz NOT NULL,
    complete     timestamptz NOT NULL,
    touched      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (station, check_name, window_start)
);
CREATE INDEX finding_due_complete ON finding_due (complete);

-- readings that are to be judged again, or (an empty stretch) were judged by another process than the judge
CREATE TABLE judge_request (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream int NOT NULL REFERENCES stream,
    starts timestamptz NOT NULL,
    ends   timestamptz NOT NULL,
    -- whether the values, or what is made of each, are other ones: findings are made of them, not of flags that they raised
    renews boolean NOT NULL
);

-- by which rules a stream was judged: another digest, and all of it is judged again
CREATE TABLE judge_rules (
    stream int PRIMARY KEY REFERENCES stream,
    digest text NOT NULL
);

-- limits by month and hour that were learnt of a stream's own past: channels x 288 x (low, high), NaN where there is none
CREATE TABLE climatology (
    stream int PRIMARY KEY REFERENCES stream,
    starts timestamptz NOT NULL,
    ends   timestamptz NOT NULL,
    learnt timestamptz NOT NULL DEFAULT clock_timestamp(),
    limits double precision[] NOT NULL
);

CREATE OR REPLACE VIEW v_reading AS
SELECT r.time, r.received, s.id AS station, st.name AS stream, x.channel, x.variable, x.unit, x.value, x.flag,
       r.reasons -> x.channel AS reasons
FROM reading r
JOIN station s ON s.key = r.station
JOIN stream st ON st.key = r.stream
CROSS JOIN LATERAL unnest(st.channels, st.variables, st.units, r.values, r.flags) AS x (channel, variable, unit, value, flag);

CREATE OR REPLACE VIEW v_latest AS
SELECT l.time, l.received, s.id AS station, st.name AS stream, x.channel, x.variable, x.unit, x.value, x.flag,
       l.reasons -> x.channel AS reasons
FROM latest l
JOIN station s ON s.key = l.station
JOIN stream st ON st.key = l.stream
CROSS JOIN LATERAL unnest(st.channels, st.variables, st.units, l.values, l.flags) AS x (channel, variable, unit, value, flag);
