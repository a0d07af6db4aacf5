-- For many towers at once: parts of minutes that are not yet merged, and station files that need not be read again.

-- a commit of many streams appends here instead of touching a row of `minute` for each; `fold_minutes` merges them soon.
-- a row holds the parts of up to 128 streams in one minute, its arrays one entry a stream, or one a stream and channel
CREATE TABLE minute_part (
    time     timestamptz NOT NULL,
    first    int NOT NULL,
    last     int NOT NULL,
    channels int NOT NULL,
    station  int[] NOT NULL,
    stream   int[] NOT NULL,
    slots    int[] NOT NULL,
    n        int[] NOT NULL,
    mean     double precision[] NOT NULL,
    min      real[] NOT NULL,
    max      real[] NOT NULL,
    sd       double precision[] NOT NULL
);
CREATE INDEX minute_part_order ON minute_part (time, first);
-- it is written and emptied all the time: compressing would cost more than it saves, and its space must come back soon
ALTER TABLE minute_part
    ALTER COLUMN station SET STORAGE EXTERNAL, ALTER COLUMN stream SET STORAGE EXTERNAL,
    ALTER COLUMN slots SET STORAGE EXTERNAL, ALTER COLUMN n SET STORAGE EXTERNAL,
    ALTER COLUMN mean SET STORAGE EXTERNAL, ALTER COLUMN min SET STORAGE EXTERNAL,
    ALTER COLUMN max SET STORAGE EXTERNAL, ALTER COLUMN sd SET STORAGE EXTERNAL;
ALTER TABLE minute_part SET (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0,
    autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000,
    toast.autovacuum_vacuum_scale_factor = 0, toast.autovacuum_vacuum_threshold = 100000,
    toast.autovacuum_vacuum_cost_delay = 0, toast.autovacuum_vacuum_insert_threshold = -1
);

-- the minutes of one stream that have parts, merged with what `minute` has of them (Chan et al. 1979)
CREATE FUNCTION open_minutes(wanted int)
RETURNS TABLE (
    begins timestamptz, at int, counts int[], means double precision[], lows real[], highs real[], sds double precision[]
)
LANGUAGE sql STABLE ROWS 3 AS $$
    WITH held AS (
        SELECT p.time, p.station[place] AS station, (place - 1) * p.channels + 1 AS low, place * p.channels AS high,
               p.n, p.mean, p.min, p.max, p.sd
        FROM minute_part p, LATERAL (SELECT array_position(p.stream, wanted) AS place) found
        WHERE p.first <= wanted AND wanted <= p.last AND place IS NOT NULL
    ), part AS (
        SELECT h.time, h.station, x.*
        FROM held h, LATERAL unnest(h.n[low:high], h.mean[low:high], h.min[low:high], h.max[low:high], h.sd[low:high])
            WITH ORDINALITY AS x (n, mean, min, max, sd, i)
        UNION ALL
        SELECT m.time, m.station, x.*
        FROM (SELECT DISTINCT h.time, h.station FROM held h) o
        JOIN minute m ON m.time = o.time AND m.station = o.station AND m.stream = wanted,
        LATERAL unnest(m.n, m.mean, m.min, m.max, m.sd) WITH ORDINALITY AS x (n, mean, min, max, sd, i)
    ), centred AS (
        -- `n > 0` keeps the NaN of empty parts out
        SELECT p.*, sum(p.n * p.mean) FILTER (WHERE p.n > 0) OVER w / nullif(sum(p.n) OVER w, 0) AS centre
        FROM part p WINDOW w AS (PARTITION BY p.time, p.station, p.i)
    ), whole AS (
        SELECT c.time, c.station, c.i, sum(c.n)::int AS n, coalesce(c.centre, 'NaN') AS mean,
               coalesce(min(c.min) FILTER (WHERE c.n > 0), 'NaN') AS min,
               coalesce(max(c.max) FILTER (WHERE c.n > 0), 'NaN') AS max,
               coalesce(sqrt(sum(c.n * (c.sd ^ 2 + (c.mean - c.centre) ^ 2)) FILTER (WHERE c.n > 0) / nullif(sum(c.n), 0)), 'NaN') AS sd
        FROM centred c GROUP BY c.time, c.station, c.i, c.centre
    )
    SELECT w.time, w.station, array_agg(w.n ORDER BY w.i), array_agg(w.mean ORDER BY w.i),
           array_agg(w.min ORDER BY w.i), array_agg(w.max ORDER BY w.i), array_agg(w.sd ORDER BY w.i)
    FROM whole w GROUP BY w.time, w.station
$$;

CREATE OR REPLACE VIEW v_minute AS
SELECT m.time, s.id AS station, st.name AS stream, x.channel, x.variable, x.unit, x.n, x.mean, x.min, x.max, x.sd
FROM stream st
JOIN station s ON s.key = st.station
CROSS JOIN LATERAL (
    SELECT d.time, d.n, d.mean, d.min, d.max, d.sd
    FROM minute d
    WHERE d.station = st.station AND d.stream = st.key AND NOT EXISTS (
        SELECT FROM minute_part p
        WHERE p.time = d.time AND p.first <= st.key AND st.key <= p.last AND st.key = ANY(p.stream))
    UNION ALL
    SELECT o.begins, o.counts, o.means, o.lows, o.highs, o.sds FROM open_minutes(st.key) o
) m
CROSS JOIN LATERAL unnest(st.channels, st.variables, st.units, m.n, m.mean, m.min, m.max, m.sd)
    AS x (channel, variable, unit, n, mean, min, max, sd)
WHERE st.kind = 'block';

-- what a station file says, as JSON: a collector of 20 000 stations starts without reading as many TOML texts
ALTER TABLE station_config ADD COLUMN parsed text;
CREATE INDEX station_config_newest ON station_config (valid_from);
