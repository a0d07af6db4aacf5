-- Every statement of the store, by name; `core.store.queries` loads this file.

-- name: lock_migrations
SELECT pg_advisory_xact_lock(hashtext('fluxtower migrations'));

-- name: create_migration_table
CREATE TABLE IF NOT EXISTS schema_migration (
    name    text PRIMARY KEY,
    sha256  text NOT NULL,
    applied timestamptz NOT NULL DEFAULT now()
);

-- name: create_extension
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- name: applied_migrations
SELECT name, sha256 FROM schema_migration;

-- name: record_migration
INSERT INTO schema_migration (name, sha256) VALUES (%(name)s, %(sha256)s);

-- name: has_job_queue
SELECT to_regclass('procrastinate_jobs') IS NOT NULL AS present;

-- name: quiet_builtin_job
-- the Apache edition schedules a job that it cannot run and that logs an error every day
UPDATE _timescaledb_config.bgw_job SET scheduled = false WHERE id = 3;

-- name: edition
SELECT extversion AS version, current_setting('timescaledb.license', true) AS licence
FROM pg_extension WHERE extname = 'timescaledb';

-- name: health
SELECT (SELECT count(*) FROM station) AS stations,
       (SELECT max(received) FROM latest) AS newest,
       (SELECT count(*) FROM interval_state WHERE computed IS NULL OR computed < revision) AS intervals_waiting,
       (SELECT count(*) FROM interval_state WHERE failure IS NOT NULL) AS intervals_failed,
       (SELECT count(*) FROM season_attempt WHERE reason IS NOT NULL) AS seasons_failed,
       (SELECT count(*) FROM reject WHERE done IS NULL) AS rejects;

-- name: put_stations
INSERT INTO station (id) SELECT id FROM unnest(%(ids)s::text[]) AS x (id) ORDER BY id
ON CONFLICT (id) DO UPDATE SET id = excluded.id
RETURNING id, key;

-- name: newest_configs
SELECT DISTINCT ON (station) station, sha256, valid_from FROM station_config
WHERE station = ANY(%(stations)s) ORDER BY station, valid_from DESC;

-- name: put_configs
INSERT INTO station_config (station, sha256, toml, parsed)
SELECT * FROM unnest(%(station)s::int[], %(sha256)s::text[], %(toml)s::text[], %(parsed)s::text[])
RETURNING station, valid_from;

-- name: put_streams
INSERT INTO stream (station, name, kind, dt_ns, channels, variables, units)
SELECT station, name, kind, dt_ns, ARRAY(SELECT jsonb_array_elements_text(channels)),
       ARRAY(SELECT jsonb_array_elements_text(variables)), ARRAY(SELECT jsonb_array_elements_text(units))
FROM jsonb_to_recordset(%(rows)s::jsonb)
     AS x (station int, name text, kind text, dt_ns bigint, channels jsonb, variables jsonb, units jsonb)
ON CONFLICT DO NOTHING;

-- name: configs_since
-- oldest first: the last one of a station is in force
SELECT s.key, s.id, c.sha256, c.valid_from, coalesce(c.parsed, c.toml) AS content, c.parsed IS NULL AS is_toml
FROM station_config c JOIN station s ON s.key = c.station
WHERE c.valid_from > %(since)s::timestamptz
ORDER BY c.valid_from;

-- name: stations
SELECT key, station, valid_from, sha256, toml FROM v_station ORDER BY station;

-- name: station
SELECT key, station, valid_from, sha256, toml FROM v_station WHERE station = %(id)s;

-- name: streams
SELECT st.key, s.id AS station, s.key AS station_key, st.name, st.kind, st.dt_ns, st.channels, st.variables, st.units
FROM stream st JOIN station s ON s.key = st.station
WHERE %(station)s::text IS NULL OR s.id = %(station)s
ORDER BY st.key;

-- name: stage_blocks
CREATE TEMP TABLE staged_block (LIKE sample_block INCLUDING DEFAULTS) ON COMMIT DROP;

-- name: insert_staged_blocks
INSERT INTO sample_block SELECT DISTINCT ON (station, stream, time) * FROM staged_block ORDER BY station, stream, time
ON CONFLICT (station, stream, time) DO NOTHING
RETURNING station, stream, time;

-- name: insert_reading
INSERT INTO reading (time, station, stream, values)
SELECT r.time, r.station, r.stream, ARRAY(SELECT jsonb_array_elements_text(r.values)::real)
FROM jsonb_to_recordset(%(rows)s::jsonb) AS r (time timestamptz, station int, stream int, values jsonb)
ORDER BY r.station, r.stream, r.time
ON CONFLICT (station, stream, time) DO NOTHING
RETURNING station, stream, time;

-- name: insert_reject
INSERT INTO reject AS old (topic, station, reason, payload) VALUES (%(topic)s, %(station)s, %(reason)s, %(payload)s)
ON CONFLICT (topic, digest) DO UPDATE SET
    times = old.times + 1, last = now(), done = NULL, reason = excluded.reason, station = excluded.station;

-- name: lock_watermarks
-- collectors that write the same rows in different orders would wait for each other for ever
SELECT pg_advisory_xact_lock(hashtext('fluxtower watermarks'));

-- name: add_watermarks
INSERT INTO watermark (station, stream, run)
SELECT * FROM unnest(%(station)s::text[], %(stream)s::text[], %(run)s::bigint[])
ON CONFLICT DO NOTHING;

-- name: advance_watermarks
-- The columns come as words, an empty one is NULL: that is many times cheaper to make than arrays.
-- A sender without runs that restarts begins its numbers afresh: lower ones with later times. What is left of the
-- numbers before (higher ones with earlier times) says nothing about the new ones.
UPDATE watermark w SET
    committed = CASE WHEN a.first IS NULL THEN w.committed
                     WHEN w.run = 0 AND a.first <= w.top AND a.first_starts > w.top_starts THEN a.numbers
                     WHEN w.run = 0 AND a.first > w.top AND a.first_starts < w.top_starts THEN w.committed
                     ELSE w.committed + a.numbers END,
    restarts = w.restarts + coalesce(w.run = 0 AND a.first <= w.top AND a.first_starts > w.top_starts, false)::int,
    top = CASE WHEN w.top IS NULL OR a.top_starts > w.top_starts THEN a.top ELSE w.top END,
    top_starts = greatest(w.top_starts, a.top_starts),
    covered = (w.covered + a.times) * int8multirange(int8range(w.covered_from, NULL)),
    unit = a.unit, looked = w.looked AND a.in_line,
    records = w.records + a.records, duplicates = w.duplicates + a.duplicates,
    seen = greatest(w.seen, to_timestamp(a.seen / 1e6)), newest = greatest(w.newest, to_timestamp(a.newest / 1e6)),
    lag = coalesce(a.lag / 1e6, w.lag), delay = coalesce(a.delay / 1e6, w.delay)
FROM unnest(
    string_to_array(%(station)s, ' ', ''), string_to_array(%(stream)s, ' ', ''),
    string_to_array(%(run)s, ' ', '')::bigint[], string_to_array(%(first)s, ' ', '')::bigint[],
    string_to_array(%(first_starts)s, ' ', '')::bigint[], string_to_array(%(top)s, ' ', '')::bigint[],
    string_to_array(%(top_starts)s, ' ', '')::bigint[], string_to_array(%(numbers)s, ' ', '')::int8multirange[],
    string_to_array(%(times)s, ' ', '')::int8multirange[], string_to_array(%(unit)s, ' ', '')::bigint[],
    string_to_array(%(in_line)s, ' ', '')::boolean[], string_to_array(%(records)s, ' ', '')::bigint[],
    string_to_array(%(duplicates)s, ' ', '')::bigint[], string_to_array(%(seen)s, ' ', '')::bigint[],
    string_to_array(%(newest)s, ' ', '')::bigint[], string_to_array(%(lag)s, ' ', '')::bigint[],
    string_to_array(%(delay)s, ' ', '')::bigint[]
) AS a (station, stream, run, first, first_starts, top, top_starts, numbers, times, unit, in_line, records, duplicates,
        seen, newest, lag, delay)
WHERE w.station = a.station AND w.stream = a.stream AND w.run = a.run
RETURNING w.station, w.stream, w.run, w.top, w.top_starts, w.committed::text AS committed;

-- name: shorten_watermarks
-- what is forgotten is only that old blocks are committed: their sender sends them again, which does no harm
UPDATE watermark w SET
    committed = committed * int8multirange(int8range(c.from_number, NULL)),
    covered = covered * int8multirange(int8range(c.from_time, NULL)),
    covered_from = greatest(covered_from, c.from_time)
FROM (
    SELECT station, stream, run,
           (SELECT lower(r) FROM unnest(committed) AS r ORDER BY r DESC OFFSET %(most)s - 1 LIMIT 1) AS from_number,
           (SELECT lower(r) FROM unnest(covered) AS r ORDER BY r DESC OFFSET %(most)s - 1 LIMIT 1) AS from_time
    FROM watermark WHERE NOT looked
) AS c
WHERE (w.station, w.stream, w.run) = (c.station, c.stream, c.run)
  AND (c.from_number IS NOT NULL OR c.from_time IS NOT NULL);

-- name: forget_gaps
-- one that is filled at once was none: messages overtake each other, above all with several collectors
DELETE FROM gap g USING (
    SELECT station, stream, range_agg(covered) AS covered FROM watermark
    WHERE (station, stream) IN (SELECT station, stream FROM watermark WHERE NOT looked)
    GROUP BY station, stream
) AS w
WHERE g.filled IS NULL AND g.station = w.station AND g.stream = w.stream AND g.missing <@ w.covered
  AND g.noticed > now() - make_interval(secs => %(grace)s);

-- name: fill_gaps
UPDATE gap g SET missing = g.missing - w.covered, filled = CASE WHEN g.missing <@ w.covered THEN clock_timestamp() END
FROM (
    SELECT station, stream, range_agg(covered) AS covered FROM watermark
    WHERE (station, stream) IN (SELECT station, stream FROM watermark WHERE NOT looked)
    GROUP BY station, stream
) AS w
WHERE g.filled IS NULL AND g.station = w.station AND g.stream = w.stream AND g.missing && w.covered;

-- name: holes
-- what lies between the times covered, where it has been so for a while: a message may still be on its way
SELECT c.station, c.stream, c.unit, h, lower(h) - unit / 2 AS starts, upper(h) AS ends
FROM (
    SELECT station, stream, range_agg(covered) AS covered, max(unit) AS unit, max(covered_from) AS covered_from,
           max(seen) AS seen
    FROM watermark
    WHERE (station, stream) IN (SELECT station, stream FROM watermark WHERE NOT looked)
    GROUP BY station, stream
) AS c, unnest(int8multirange(range_merge(covered)) - covered) AS h
WHERE lower(h) >= covered_from
  AND (upper(h) < upper(covered) - 1e6 * %(grace)s
       OR coalesce(seen, '-infinity') < now() - make_interval(secs => %(grace)s))
  AND NOT EXISTS (SELECT 1 FROM gap g WHERE g.station = c.station AND g.stream = c.stream
                  AND g.filled IS NULL AND g.missing @> h)

-- name: open_holes
SELECT g.station, g.stream, coalesce(max(w.unit), 0) AS unit, m AS h
FROM gap g CROSS JOIN unnest(g.missing) AS m
LEFT JOIN watermark w ON w.station = g.station AND w.stream = g.stream
WHERE g.filled IS NULL AND (%(station)s::text IS NULL OR g.station = %(station)s)
GROUP BY g.station, g.stream, m

-- name: heal_watermarks
-- What is stored in a hole was not told: by a collector that was killed, or because it came by another way. The numbers
-- of such blocks are not taken over: their run is not stored, and no block may be called committed that is not.
UPDATE watermark w SET covered = (w.covered + f.covered) * int8multirange(int8range(w.covered_from, NULL)),
    looked = false
FROM (
    SELECT h.station, h.stream, range_agg(int8range(b.start, b.start + b.length * 3 / 2)) AS covered
    FROM ({holes}) AS h
    JOIN station s ON s.id = h.station
    JOIN stream st ON st.station = s.key AND st.name = h.stream
    CROSS JOIN LATERAL (
        SELECT (extract(epoch FROM time) * 1000000)::bigint AS start, n * dt_ns / 1000 AS length FROM sample_block
        WHERE st.kind = 'block' AND sample_block.station = s.key AND sample_block.stream = st.key
          AND time >= to_timestamp((lower(h.h) - h.unit) / 1e6) AND time < to_timestamp(upper(h.h) / 1e6)
        UNION ALL
        SELECT (extract(epoch FROM time) * 1000000)::bigint AS start, st.dt_ns / 1000 AS length FROM reading
        WHERE st.kind = 'reading' AND reading.station = s.key AND reading.stream = st.key
          AND time >= to_timestamp((lower(h.h) - h.unit) / 1e6) AND time < to_timestamp(upper(h.h) / 1e6)
    ) AS b
    GROUP BY h.station, h.stream
) AS f
WHERE w.station = f.station AND w.stream = f.stream
  AND w.run = (SELECT min(run) FROM watermark r WHERE r.station = f.station AND r.stream = f.stream);

-- name: note_gaps
-- the numbers of the blocks before and after tell how many are missing
INSERT INTO gap (station, stream, starts, ends, blocks, counted, missing)
SELECT h.station, h.stream, to_timestamp(h.starts / 1e6), to_timestamp(h.ends / 1e6),
       CASE WHEN n.counted THEN n.seq_after - n.seq_before - 1
            ELSE round((h.ends - h.starts)::numeric / greatest(h.unit, 1)) END,
       n.counted, int8multirange(h.h)
FROM ({holes}) AS h CROSS JOIN LATERAL (
    SELECT b.seq AS seq_before, a.seq AS seq_after,
           coalesce(b.seq >= 0 AND a.seq > b.seq AND EXISTS (
               SELECT 1 FROM watermark w WHERE w.station = h.station AND w.stream = h.stream
               AND w.covered @> lower(h.h) - 1 AND w.covered @> upper(h.h)), false) AS counted
    FROM (SELECT array_agg(st.key) AS keys, min(st.station) AS station
          FROM stream st JOIN station s ON s.key = st.station
          WHERE s.id = h.station AND st.name = h.stream AND st.kind = 'block') AS k
    LEFT JOIN LATERAL (
        SELECT seq FROM sample_block WHERE sample_block.station = k.station AND sample_block.stream = ANY(k.keys)
        AND time < to_timestamp(h.starts / 1e6) AND time > to_timestamp(h.starts / 1e6) - interval '2 hours'
        ORDER BY time DESC LIMIT 1) AS b ON true
    LEFT JOIN LATERAL (
        SELECT seq FROM sample_block WHERE sample_block.station = k.station AND sample_block.stream = ANY(k.keys)
        AND time >= to_timestamp(h.ends / 1e6) - interval '1 millisecond'
        AND time < to_timestamp(h.ends / 1e6) + interval '2 hours'
        ORDER BY time LIMIT 1) AS a ON true
) AS n;

-- name: mark_looked
UPDATE watermark w SET looked = true
WHERE NOT looked AND upper(covered) - lower(covered) > 1e6 * %(grace)s
  AND NOT EXISTS (SELECT 1 FROM unnest(int8multirange(range_merge(covered)) - covered) AS h
                  WHERE upper(h) >= upper(covered) - 1e6 * %(grace)s);

-- name: gaps
SELECT station, stream, starts, ends, blocks, counted, missing_s, noticed, filled FROM v_gap
WHERE (%(station)s::text IS NULL OR station = %(station)s) AND (%(all)s OR filled IS NULL)
ORDER BY starts DESC LIMIT %(limit)s;

-- name: arrivals
SELECT station, stream, records, duplicates, restarts, seen, newest, lag_s, delay_s FROM v_arrival
WHERE %(station)s::text IS NULL OR station = %(station)s
ORDER BY station, stream;

-- name: merge_minutes
-- the parts of a minute come in several messages: combine n, mean and sd exactly (Chan et al. 1979)
INSERT INTO minute AS old (time, station, stream, n, mean, min, max, sd)
SELECT k.time, k.station, k.stream,
       (%(n)s)[low:high], (%(mean)s)[low:high], (%(min)s)[low:high], (%(max)s)[low:high], (%(sd)s)[low:high]
FROM unnest(%(time)s, %(station)s, %(stream)s) WITH ORDINALITY AS k (time, station, stream, i),
     LATERAL (SELECT ((i - 1) * %(channels)s + 1)::int AS low, (i * %(channels)s)::int AS high) AS b
ON CONFLICT (station, stream, time) DO UPDATE SET (n, mean, min, max, sd) = (
    SELECT array_agg(n1 + n2 ORDER BY i),
           array_agg(CASE WHEN n1 = 0 THEN mean2 WHEN n2 = 0 THEN mean1
                          ELSE (n1 * mean1 + n2 * mean2) / (n1 + n2) END ORDER BY i),
           array_agg(CASE WHEN n1 = 0 THEN min2 WHEN n2 = 0 THEN min1 ELSE least(min1, min2) END ORDER BY i),
           array_agg(CASE WHEN n1 = 0 THEN max2 WHEN n2 = 0 THEN max1 ELSE greatest(max1, max2) END ORDER BY i),
           array_agg(CASE WHEN n1 = 0 THEN sd2 WHEN n2 = 0 THEN sd1
                          ELSE sqrt((n1 * sd1 ^ 2 + n2 * sd2 ^ 2 + (mean1 - mean2) ^ 2 * n1 * n2 / (n1 + n2)) / (n1 + n2)) END
                     ORDER BY i)
    FROM unnest(old.n, old.mean, old.min, old.max, old.sd,
                excluded.n, excluded.mean, excluded.min, excluded.max, excluded.sd)
         WITH ORDINALITY AS x (n1, mean1, min1, max1, sd1, n2, mean2, min2, max2, sd2, i));

-- name: take_minute_parts
COPY (
    DELETE FROM minute_part WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM minute_part WHERE time < %(before)s ORDER BY time, first LIMIT %(limit)s))
    RETURNING time, first, last, channels, station, stream, slots, n, mean, min, max, sd
) TO STDOUT (FORMAT BINARY);

-- name: count_minute_parts
SELECT count(*) AS rows FROM minute_part WHERE time < %(before)s;

-- name: put_latest
INSERT INTO latest AS old (stream, station, time, received, values)
SELECT k.stream, k.station, k.time, now() - make_interval(secs => %(age)s),
       (%(values)s)[(i - 1) * %(channels)s + 1 : i * %(channels)s]
FROM unnest(%(stream)s, %(station)s, %(time)s) WITH ORDINALITY AS k (stream, station, time, i)
ON CONFLICT (stream) DO UPDATE SET
    received = greatest(old.received, excluded.received),
    time = greatest(old.time, excluded.time),
    values = CASE WHEN excluded.time >= old.time THEN excluded.values ELSE old.values END;

-- name: touch_intervals
INSERT INTO interval_state AS old (station, time, ends, lateness, expected, samples)
SELECT k.station, k.time, k.time + make_interval(mins => k.minutes), make_interval(secs => k.lateness), k.expected, k.samples
FROM unnest(%(station)s, %(time)s, %(minutes)s, %(lateness)s, %(expected)s, %(samples)s)
     AS k (station, time, minutes, lateness, expected, samples)
ON CONFLICT (station, time) DO UPDATE SET
    samples = old.samples + excluded.samples,
    ends = excluded.ends, lateness = excluded.lateness, expected = excluded.expected,
    revision = old.revision + 1, touched = clock_timestamp(),
    computed = CASE WHEN old.dropped THEN old.revision + 1 ELSE old.computed END,
    failure = CASE WHEN old.dropped THEN %(too_late)s ELSE old.failure END;

-- name: blocks_between
-- blocks that overlap a window and begin at most so long before it; times in microseconds since 1970
-- (a double holds seconds to 0.2 us, and rounds right; numeric seconds cost four times as much)
SELECT (date_part('epoch', time) * 1e6)::bigint, n, dt_ns, coalesce(seq, -1), (date_part('epoch', received) * 1e6)::bigint,
       {columns}
FROM sample_block
WHERE station = %(station)s AND stream = %(stream)s
  AND time >= %(start)s::timestamptz - %(reach)s AND time < %(end)s
  AND time + n * dt_ns / 1000 * interval '1 microsecond' > %(start)s
ORDER BY time;

-- name: blobs_between
-- a half-hour of blocks ends at most an hour after its last one has started
SELECT time, blocks, n, channels, codec, head, samples
FROM sample_blob
WHERE station = %(station)s AND stream = %(stream)s
  AND time > %(start)s::timestamptz - interval '90 minutes' AND time < %(end)s AND ends > %(start)s
ORDER BY time;

-- name: sample_span
SELECT min(first) AS first, max(last) AS last, sum(samples)::bigint AS samples
FROM (SELECT min(time) AS first, max(time) AS last, sum(n) AS samples
      FROM sample_block WHERE station = %(station)s AND stream = ANY(%(streams)s)
      UNION ALL
      SELECT min(first), max(last), sum(n)
      FROM sample_blob WHERE station = %(station)s AND stream = ANY(%(streams)s)) AS both_layouts;

-- name: readings
SELECT time, stream, values, flags FROM reading
WHERE station = %(station)s AND stream = ANY(%(streams)s) AND time >= %(start)s AND time < %(end)s
ORDER BY time;

-- name: unflagged_readings
SELECT time, station, stream, values FROM reading WHERE flags IS NULL ORDER BY time LIMIT %(limit)s;

-- name: put_reading_flags
UPDATE reading SET flags = %(flags)s WHERE station = %(station)s AND stream = %(stream)s AND time = %(time)s;

-- name: minutes
SELECT time, channel, n, mean, min, max, sd FROM v_minute
WHERE station = %(station)s AND stream = %(stream)s AND time >= %(start)s AND time < %(end)s
ORDER BY time, channel;

-- name: minute_means
SELECT (date_part('epoch', time) * 1e6)::bigint, mean[%(place)s] FROM minute
WHERE station = %(station)s AND stream = %(stream)s AND time >= %(start)s AND time < %(end)s;

-- name: has_minute_parts
SELECT 1 FROM minute_part WHERE time >= %(start)s AND time < %(end)s AND first <= %(stream)s AND last >= %(stream)s LIMIT 1;

-- name: open_minute_means
SELECT (date_part('epoch', begins) * 1e6)::bigint, means[%(place)s] FROM open_minutes(%(stream)s)
WHERE begins >= %(start)s AND begins < %(end)s;

-- name: latest
SELECT s.id AS station, st.name AS stream, st.channels, l.time, l.received, l.values
FROM latest l JOIN stream st ON st.key = l.stream JOIN station s ON s.key = l.station
WHERE %(station)s::text IS NULL OR s.id = %(station)s
ORDER BY s.id, st.name, l.received DESC;

-- name: rejects
SELECT id, received, last, times, topic, station, reason, length(payload) AS size, done FROM reject
WHERE (%(station)s::text IS NULL OR station = %(station)s) AND (%(since)s::timestamptz IS NULL OR last >= %(since)s)
  AND strpos(lower(reason), lower(%(reason)s)) > 0 AND (%(done)s OR done IS NULL)
  AND (%(below)s::bigint IS NULL OR id < %(below)s)
ORDER BY id DESC LIMIT %(limit)s;

-- name: reject
SELECT id, received, last, times, topic, station, reason, length(payload) AS size, done, payload
FROM reject WHERE id = %(id)s;

-- name: finish_rejects
UPDATE reject SET done = now() WHERE id = ANY(%(ids)s);

-- name: due_intervals
SELECT s.id AS station, i.time, i.revision
FROM interval_state i JOIN station s ON s.key = i.station
WHERE (i.computed IS NULL OR i.computed < i.revision)
  AND i.samples > 0
  AND (i.samples >= i.expected OR greatest(i.ends, i.touched) + i.lateness <= %(now)s)
ORDER BY i.touched LIMIT %(limit)s;

-- name: pending_revision
SELECT revision FROM interval_state
WHERE station = (SELECT key FROM station WHERE id = %(station)s) AND time = %(time)s AND (computed IS NULL OR computed < revision);

-- name: interval_done
UPDATE interval_state SET computed = greatest(computed, %(revision)s), failure = NULL
WHERE station = %(station)s AND time = %(time)s;

-- name: fail_interval
UPDATE interval_state SET computed = greatest(computed, %(revision)s), failure = %(failure)s
WHERE station = (SELECT key FROM station WHERE id = %(station)s) AND time = %(time)s;

-- name: keep_old_flux
INSERT INTO flux_history
SELECT old.* FROM flux f,
    LATERAL jsonb_populate_record(NULL::flux_history, to_jsonb(f) || jsonb_build_object('replaced', now())) AS old
WHERE f.station = %(station)s AND f.time = %(time)s AND f.revision <= %(revision)s;

-- name: delete_old_flux
DELETE FROM flux WHERE station = %(station)s AND time = %(time)s AND revision <= %(revision)s;

-- name: insert_flux
-- a newer result that is already there stays
INSERT INTO flux
SELECT * FROM jsonb_populate_record(NULL::flux, %(row)s::jsonb || jsonb_build_object('computed', now()))
ON CONFLICT (station, time) DO NOTHING;

-- name: insert_history
-- what is there stays, whoever made it
INSERT INTO flux
SELECT f.* FROM jsonb_array_elements(%(rows)s::jsonb) AS row,
    LATERAL jsonb_populate_record(NULL::flux, row || jsonb_build_object('computed', now())) AS f
ON CONFLICT (station, time) DO NOTHING
RETURNING time;

-- name: put_storage
UPDATE flux SET sc = %(sc)s, sh = %(sh)s, sle = %(sle)s, sch4 = %(sch4)s, sn2o = %(sn2o)s,
    scalars = scalars || %(scalars)s, reasons = %(reasons)s
WHERE station = %(station)s AND time = %(time)s;

-- name: fluxes
SELECT * FROM flux WHERE station = %(station)s AND time >= %(start)s AND time < %(end)s ORDER BY time;

-- name: flux_series
SELECT {columns} FROM flux WHERE station = %(station)s AND time >= %(start)s AND time < %(end)s ORDER BY time;

-- name: flux_origin
SELECT count(*) AS records, max(computed) AS newest,
       coalesce(array_agg(DISTINCT config_sha256), '{}') AS config_sha256,
       coalesce(array_agg(DISTINCT code_version), '{}') AS code_version
FROM flux WHERE station = %(station)s AND time >= %(start)s AND time < %(end)s;

-- name: flux_span
SELECT min(time) AS first, max(ends) AS last FROM flux WHERE station = %(station)s;

-- name: put_run
INSERT INTO run (station, kind, config_sha256, code_version, methods, started, first, last, intervals, minutes, further,
                 provenance)
VALUES (%(station)s, %(kind)s, %(config_sha256)s, %(code_version)s, %(methods)s, %(started)s, %(first)s, %(last)s,
        %(intervals)s, %(minutes)s, %(further)s, %(provenance)s)
RETURNING id;

-- name: copy_product
COPY product (time, run, further, {columns}) FROM STDIN (FORMAT csv);

-- name: newest_run
SELECT id FROM run WHERE station = %(station)s AND kind = %(kind)s ORDER BY finished DESC, id DESC LIMIT 1;

-- name: run
SELECT r.id, s.id AS station, r.kind, r.first, r.last, r.intervals, r.minutes, r.config_sha256, r.code_version,
       r.methods, r.started, r.finished, r.further, r.provenance
FROM run r JOIN station s ON s.key = r.station WHERE r.id = %(id)s;

-- name: dropped_run
SELECT s.id AS station, d.dropped FROM run_dropped d JOIN station s ON s.key = d.station WHERE d.run = %(id)s;

-- name: count_superseded_runs
SELECT count(*) AS runs, coalesce(sum(intervals), 0)::bigint AS half_hours FROM v_superseded_run
WHERE finished < %(before)s;

-- name: drop_superseded_runs
SELECT runs, half_hours FROM drop_superseded_runs(%(before)s, %(most)s);

-- name: runs
-- without the growth of the sum: long, and told by a single run
SELECT r.id, s.id AS station, r.kind, r.first, r.last, r.intervals, r.minutes, r.config_sha256, r.code_version,
       r.methods, r.started, r.finished, r.further, r.provenance - 'course' AS provenance
FROM run r JOIN station s ON s.key = r.station
WHERE (%(station)s::int IS NULL OR r.station = %(station)s) AND (%(kind)s::text IS NULL OR r.kind = %(kind)s)
  AND (%(below)s::bigint IS NULL OR r.id < %(below)s)
ORDER BY r.id DESC LIMIT %(limit)s;

-- name: product
SELECT {columns} FROM product WHERE run = %(run)s AND time >= %(start)s AND time < %(end)s ORDER BY time;

-- name: stale_seasons
-- a station whose last attempt left no run waits, twice as long each time
SELECT s.key, s.id AS station
FROM station s
LEFT JOIN LATERAL (SELECT started FROM run WHERE run.station = s.key AND run.kind = %(kind)s ORDER BY finished DESC LIMIT 1) r ON true
LEFT JOIN season_attempt a ON a.station = s.key
WHERE EXISTS (SELECT 1 FROM flux f WHERE f.station = s.key AND f.computed > coalesce(r.started, '-infinity'))
  AND coalesce(r.started, '-infinity') < now() - make_interval(secs => %(seconds)s)
  AND coalesce(a.tried, '-infinity')
      < now() - make_interval(secs => least(%(seconds)s, %(wait)s * 2 ^ least(a.attempts - 1, 30)))
ORDER BY s.id

-- name: begin_season
-- an attempt of which nothing was heard again is one that killed its worker
INSERT INTO season_attempt AS old (station, attempts, tried)
SELECT key, 1, clock_timestamp() FROM ({stale}) AS due WHERE station = %(station)s
ON CONFLICT (station) DO UPDATE SET attempts = old.attempts + 1, tried = excluded.tried,
    reason = coalesce(old.reason, %(ended)s)
RETURNING attempts;

-- name: fail_season
UPDATE season_attempt SET tried = clock_timestamp(), reason = %(reason)s
WHERE station = (SELECT key FROM station WHERE id = %(station)s);

-- name: forget_attempts
DELETE FROM season_attempt WHERE station = %(station)s;

-- name: season_failures
SELECT s.id AS station, a.attempts, a.tried, a.reason FROM season_attempt a JOIN station s ON s.key = a.station
WHERE a.reason IS NOT NULL AND (%(station)s::text IS NULL OR s.id = %(station)s)
ORDER BY s.id;

-- name: put_fit
INSERT INTO fit (station, kind, data, period_start, period_end, config_sha256, code_version)
VALUES (%(station)s, %(kind)s, %(data)s, %(start)s, %(end)s, %(config_sha256)s, %(code_version)s)
RETURNING id;

-- name: newest_fits
SELECT DISTINCT ON (kind) kind, id, data, period_start, period_end, created
FROM fit WHERE station = %(station)s ORDER BY kind, created DESC;

-- name: put_ingested_file
INSERT INTO ingested_file (station, stream, name, size, modified, first, ends)
SELECT key, %(stream)s, %(file)s, %(size)s, %(modified)s, %(first)s, %(ends)s FROM station WHERE id = %(station)s
ON CONFLICT (station, stream, name, size, modified) DO UPDATE SET first = excluded.first, ends = excluded.ends, done = now()
RETURNING name;

-- name: ingested_files
SELECT s.id AS station, f.stream, f.name, f.size, f.modified, f.first, f.ends
FROM ingested_file f JOIN station s ON s.key = f.station
WHERE s.id = %(station)s AND f.stream = %(stream)s
ORDER BY f.first, f.name;

-- name: put_logger_state
WITH changed AS (
    INSERT INTO logger_state AS old (station, logger, online, reason)
    SELECT key, %(logger)s, %(online)s, %(reason)s FROM station WHERE id = %(station)s
    ON CONFLICT (station, logger) DO UPDATE
    SET online = excluded.online, reason = excluded.reason, since = clock_timestamp()
    -- a retained message comes again with every subscription: only a change counts
    WHERE old.online <> excluded.online
    RETURNING *
)
INSERT INTO event (station, time, kind, severity, message, data)
SELECT station, since, 'logger', CASE WHEN online THEN 'info' ELSE 'warning' END,
       concat_ws(' ', 'logger', nullif(logger, ''), CASE WHEN online THEN 'is online' ELSE 'is offline' END)
       || CASE WHEN reason = '' THEN '' ELSE ': ' || reason END,
       jsonb_build_object('logger', logger, 'online', online, 'reason', reason)
FROM changed;

-- name: logger_states
SELECT s.id AS station, l.logger, l.online, l.reason, l.since
FROM logger_state l JOIN station s ON s.key = l.station
ORDER BY s.id, l.logger;

-- name: try_alone
SELECT pg_try_advisory_xact_lock(hashtext('fluxtower alone'), hashtext('{work}')) AS alone;

-- name: share_samples
-- a commit of old blocks against compaction and retention: blocks that are looked for stay where they are until it ends
SELECT pg_advisory_xact_lock_shared(hashtext('fluxtower old samples'));

-- name: own_samples
SELECT pg_advisory_xact_lock(hashtext('fluxtower old samples'));

-- name: dropped_half_hours
SELECT k.station, k.stream, k.time
FROM unnest(%(stations)s::int[], %(streams)s::int[], %(times)s::timestamptz[]) AS k (station, stream, time)
JOIN sample_dropped d ON d.station = k.station AND d.stream = k.stream AND d.ranges @> k.time;

-- name: blob_heads
SELECT b.station, b.stream, b.time, b.blocks, b.head
FROM unnest(%(stations)s::int[], %(streams)s::int[], %(times)s::timestamptz[]) AS k (station, stream, time)
JOIN sample_blob b ON b.station = k.station AND b.stream = k.stream AND b.time = k.time
WHERE b.time >= %(earliest)s AND b.time <= %(latest)s;

-- name: old_chunks
SELECT format('%%I.%%I', chunk_schema, chunk_name) AS name, range_start, range_end,
       pg_total_relation_size(format('%%I.%%I', chunk_schema, chunk_name)::regclass) AS bytes
FROM timescaledb_information.chunks
WHERE hypertable_schema = current_schema() AND hypertable_name = %(table)s AND range_end <= %(before)s
ORDER BY range_start;

-- name: half_hours_in_rows
SELECT station, stream, time_bucket('30 minutes', time) AS time, sum(n)::bigint AS n
FROM {chunk} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: blob
SELECT time, blocks, n, channels, codec, head, samples
FROM sample_blob WHERE station = %(station)s AND stream = %(stream)s AND time = %(time)s;

-- name: put_blob
INSERT INTO sample_blob (time, station, stream, first, last, ends, blocks, n, channels, codec, head, samples)
VALUES (%(time)s, %(station)s, %(stream)s, %(first)s, %(last)s, %(ends)s, %(blocks)s, %(n)s, %(channels)s, %(codec)s,
        %(head)b, %(samples)b)
ON CONFLICT (station, stream, time) DO UPDATE SET
    first = excluded.first, last = excluded.last, ends = excluded.ends, blocks = excluded.blocks, n = excluded.n,
    channels = excluded.channels, codec = excluded.codec, head = excluded.head, samples = excluded.samples;

-- name: delete_blocks
DELETE FROM sample_block
WHERE station = %(station)s AND stream = %(stream)s AND time >= %(start)s AND time < %(end)s AND time = ANY(%(times)s);

-- name: set_lock_timeout
SET LOCAL lock_timeout = '{wait}';

-- name: lock_chunk
LOCK TABLE {chunk} IN ACCESS EXCLUSIVE MODE;

-- name: any_row
SELECT 1 FROM {chunk} LIMIT 1;

-- name: drop_chunk
SELECT drop_chunks(%(table)s::regclass, older_than => %(end)s, newer_than => %(start)s);

-- name: vacuum
VACUUM {table};

-- name: waiting_between
-- the intervals of minutes that are not yet merged do not know of their samples
SELECT (SELECT count(*) FROM interval_state
        WHERE time < %(end)s AND ends > %(start)s AND samples > 0 AND (computed IS NULL OR computed < revision))
     + (SELECT count(*) FROM minute_part WHERE time < %(end)s AND time >= %(start)s) AS waiting;

-- name: remember_dropped
INSERT INTO sample_dropped AS old (station, stream, ranges)
SELECT station, stream, range_agg(tstzrange(time, time + interval '30 minutes'))
FROM (SELECT DISTINCT station, stream, time_bucket('30 minutes', time) AS time FROM {chunk}) AS half_hours
GROUP BY station, stream
ON CONFLICT (station, stream) DO UPDATE SET ranges = old.ranges + excluded.ranges;

-- name: close_intervals
-- what waits in spite of `waiting_between` was touched just now
UPDATE interval_state i SET dropped = true, computed = greatest(i.computed, i.revision),
    failure = CASE WHEN i.computed IS NULL OR i.computed < i.revision THEN %(too_late)s ELSE i.failure END
FROM sample_dropped d
WHERE d.station = i.station AND i.time < %(end)s AND i.ends > %(start)s AND i.samples > 0 AND NOT i.dropped
  AND d.ranges && tstzrange(i.time, i.ends);

-- name: count_old_rejects
SELECT count(*) AS rows FROM reject WHERE received < %(before)s;

-- name: delete_old_rejects
WITH gone AS (DELETE FROM reject WHERE received < %(before)s RETURNING 1) SELECT count(*) AS rows FROM gone;
