-- Messages that could not be used.

-- name: insert_reject
INSERT INTO reject AS old (topic, station, reason, payload) VALUES (%(topic)s, %(station)s, %(reason)s, %(payload)s)
ON CONFLICT (topic, digest) DO UPDATE SET
    times = old.times + 1, last = now(), done = NULL, reason = excluded.reason, station = excluded.station;

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
