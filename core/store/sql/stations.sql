-- Stations, their configurations and the layouts of their streams.

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

-- name: stations
SELECT key, station, valid_from, sha256, toml FROM v_station ORDER BY station;

-- name: station
SELECT key, station, valid_from, sha256, toml FROM v_station WHERE station = %(id)s;

-- name: configurations
SELECT c.sha256, c.valid_from, c.toml AS text FROM station_config c JOIN station s ON s.key = c.station
WHERE s.id = %(id)s ORDER BY c.valid_from;

-- name: streams
SELECT st.key, s.id AS station, s.key AS station_key, st.name, st.kind, st.dt_ns, st.channels, st.variables, st.units
FROM stream st JOIN station s ON s.key = st.station
WHERE %(station)s::text IS NULL OR s.id = %(station)s
ORDER BY st.key;
