-- Results of averaging intervals.

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

-- name: computed_fluxes
-- asked every second: of each station its newest days alone, and two columns of them
SELECT asked.station, f.time AS start, f.computed
FROM unnest(%(stations)s::text[], %(after)s::timestamptz[]) AS asked (station, after)
JOIN station s ON s.id = asked.station
CROSS JOIN LATERAL (SELECT max(time) AS time FROM flux WHERE station = s.key) AS newest
JOIN flux f ON f.station = s.key AND f.time >= newest.time - %(span)s::interval AND f.computed > asked.after
ORDER BY f.computed, f.time;
