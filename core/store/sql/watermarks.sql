-- What is committed of each sender's numbers, and how its messages come in.

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

-- name: arrivals
SELECT station, stream, records, duplicates, restarts, seen, newest, lag_s, delay_s FROM v_arrival
WHERE %(station)s::text IS NULL OR station = %(station)s
ORDER BY station, stream;
