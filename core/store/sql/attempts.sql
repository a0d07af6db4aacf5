-- Attempts at provisional season runs.

-- name: stale_seasons
-- A station whose last attempt left no run waits, twice as long each time. One with an import at work, or with intervals
-- that are due, waits until all is there. One half-hour alone makes no season.
SELECT s.key, s.id AS station
FROM station s
LEFT JOIN LATERAL (SELECT started FROM run WHERE run.station = s.key AND run.kind = %(kind)s ORDER BY finished DESC LIMIT 1) r ON true
LEFT JOIN season_attempt a ON a.station = s.key
LEFT JOIN season_request q ON q.station = s.key
WHERE EXISTS (SELECT 1 FROM flux f WHERE f.station = s.key AND f.computed > coalesce(r.started, '-infinity'))
  AND (coalesce(r.started, '-infinity') < now() - make_interval(secs => %(seconds)s) OR r.started < q.requested)
  AND coalesce(a.tried, '-infinity')
      < now() - make_interval(secs => least(%(seconds)s, %(wait)s * 2 ^ least(a.attempts - 1, 30)))
  AND (SELECT count(*) FROM (SELECT FROM flux f WHERE f.station = s.key LIMIT 2) AS first) = 2
  AND NOT EXISTS (
      SELECT FROM interval_state i
      WHERE i.station = s.key AND (i.computed IS NULL OR i.computed < i.revision) AND i.samples > 0
        AND (i.samples >= i.expected OR greatest(i.ends, i.touched) + i.lateness <= now()))
  AND NOT EXISTS (
      SELECT FROM pg_locks l
      WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.classid = hashtext('fluxtower import')::oid AND l.objid = s.key::oid AND l.objsubid = 2)
ORDER BY s.id

-- name: import_key
SELECT key FROM station WHERE id = %(station)s;

-- name: lock_import
-- several imports of one station may be at work
SELECT pg_advisory_xact_lock_shared(hashtext('fluxtower import'), {key});

-- name: request_season
INSERT INTO season_request (station, requested) SELECT key, clock_timestamp() FROM station WHERE id = %(station)s
ON CONFLICT (station) DO UPDATE SET requested = excluded.requested;

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

-- name: season_failures
SELECT s.id AS station, a.attempts, a.tried, a.reason FROM season_attempt a JOIN station s ON s.key = a.station
WHERE a.reason IS NOT NULL AND (%(station)s::text IS NULL OR s.id = %(station)s)
ORDER BY s.id;
