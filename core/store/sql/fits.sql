-- What was fitted over longer periods.

-- name: put_fit
INSERT INTO fit (station, kind, data, period_start, period_end, config_sha256, code_version)
VALUES (%(station)s, %(kind)s, %(data)s, %(start)s, %(end)s, %(config_sha256)s, %(code_version)s)
RETURNING id;

-- name: newest_fits
SELECT DISTINCT ON (kind) kind, id, data, period_start, period_end, created
FROM fit WHERE station = %(station)s ORDER BY kind, created DESC;
