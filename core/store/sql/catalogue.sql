-- What is new among the registered stations.

-- name: configs_since
-- oldest first: the last one of a station is in force
SELECT s.key, s.id, c.sha256, c.valid_from, coalesce(c.parsed, c.toml) AS content, c.parsed IS NULL AS is_toml
FROM station_config c JOIN station s ON s.key = c.station
WHERE c.valid_from > %(since)s::timestamptz
ORDER BY c.valid_from;
