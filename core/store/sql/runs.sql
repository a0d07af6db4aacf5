-- Season runs and their products.

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

-- name: forget_attempts
DELETE FROM season_attempt WHERE station = %(station)s;

-- name: threshold_range
SELECT min(ustar_threshold) AS low, max(ustar_threshold) AS high FROM product WHERE run = %(run)s;
