-- What the Grafana dashboard asks, by panel; `dashboards` puts these texts into the panels.
-- Grafana expands $__timeFilter, $__timeGroup, $__interval and ${variable:sqlstring}; `dashboards` itself puts
-- in what %(name)s stands for: the limits that the API judges by, too.

-- name: stations
SELECT station FROM v_station ORDER BY station;

-- name: reading_channels
SELECT DISTINCT unnest(st.channels) AS channel
FROM stream st JOIN station s ON s.key = st.station
WHERE s.id = ${station:sqlstring} AND st.kind = 'reading' ORDER BY channel;

-- name: sample_channels
SELECT DISTINCT unnest(st.channels) AS channel
FROM stream st JOIN station s ON s.key = st.station
WHERE s.id = ${station:sqlstring} AND st.kind = 'block' ORDER BY channel;

-- name: age
SELECT stream, age,
       CASE WHEN age <= %(late_steps)s * expected THEN 'ok' WHEN age <= %(silent_steps)s * expected THEN 'late'
            ELSE 'silent' END AS "state"
FROM (SELECT DISTINCT ON (l.stream) l.stream, extract(epoch FROM now() - l.received)::float8 AS age,
             CASE st.kind WHEN 'block' THEN %(max_block_seconds)s ELSE st.dt_ns / 1e9 END AS expected
      FROM v_latest l JOIN station s ON s.id = l.station JOIN stream st ON st.station = s.key AND st.name = l.stream
      WHERE l.station = ${station:sqlstring} ORDER BY l.stream, l.received DESC, st.key DESC) AS newest
ORDER BY stream;

-- name: newest_flux
SELECT fc AS "FC", le AS "LE", h AS "H", ustar AS "USTAR"
FROM v_flux WHERE station = ${station:sqlstring} ORDER BY time DESC LIMIT 1;

-- name: latest
SELECT variable, channel, value, unit,
       CASE flag WHEN 1 THEN 'good' WHEN 2 THEN 'unknown' WHEN 3 THEN 'suspect' WHEN 4 THEN 'bad' WHEN 9 THEN 'missing' END AS "flag",
       (SELECT string_agg(text, '; ') FROM jsonb_array_elements_text(reasons) AS text) AS "reason",
       time AS "data of", received, stream
FROM v_latest WHERE station = ${station:sqlstring} ORDER BY stream, channel;

-- name: fc
SELECT time,
       CASE WHEN fc_ssitc_test < 1 THEN fc END AS "good",
       CASE WHEN fc_ssitc_test = 1 THEN fc END AS "usable",
       CASE WHEN fc_ssitc_test > 1 THEN fc END AS "bad"
FROM v_flux WHERE station = ${station:sqlstring} AND $__timeFilter(time) ORDER BY time;

-- name: nee
SELECT time, nee AS "measured", CASE WHEN nee IS NULL THEN nee_f END AS "filled"
FROM v_product WHERE station = ${station:sqlstring} AND kind = 'provisional' AND $__timeFilter(time) ORDER BY time;

-- name: nee_sum
SELECT time, nee AS "NEE", nee - sd AS "low", nee + sd AS "high"
FROM (SELECT provenance FROM v_run WHERE station = ${station:sqlstring} AND kind = 'provisional'
      ORDER BY finished DESC, run DESC LIMIT 1) newest
CROSS JOIN LATERAL ROWS FROM (jsonb_array_elements_text(provenance -> 'course' -> 'end'),
                              jsonb_array_elements_text(provenance -> 'course' -> 'NEE_F'),
                              jsonb_array_elements_text(provenance -> 'course' -> 'NEE_F_JOINTUNC')) AS c (ends, nee_text, sd_text)
CROSS JOIN LATERAL (SELECT ends::timestamptz AS time, nee_text::float8 AS nee, sd_text::float8 AS sd) AS day
WHERE $__timeFilter(time) ORDER BY time;

-- name: reco
SELECT time, reco_nt AS "RECO_NT", reco_dt AS "RECO_DT"
FROM v_product WHERE station = ${station:sqlstring} AND kind = 'provisional' AND $__timeFilter(time) ORDER BY time;

-- name: gpp
SELECT time, gpp_nt AS "GPP_NT", gpp_dt AS "GPP_DT"
FROM v_product WHERE station = ${station:sqlstring} AND kind = 'provisional' AND $__timeFilter(time) ORDER BY time;

-- name: not_done
SELECT why.key AS "series", why.value AS "why"
FROM (SELECT provenance FROM v_run WHERE station = ${station:sqlstring} AND kind = 'provisional'
      ORDER BY finished DESC, run DESC LIMIT 1) newest
CROSS JOIN LATERAL jsonb_each_text(coalesce(provenance -> 'not_done', '{}')) AS why ORDER BY 1;

-- name: heat
SELECT time,
       CASE WHEN h_ssitc_test <= 1 THEN h END AS "H",
       CASE WHEN le_ssitc_test <= 1 THEN le END AS "LE"
FROM v_flux WHERE station = ${station:sqlstring} AND $__timeFilter(time) ORDER BY time;

-- name: ustar
SELECT f.time, f.ustar AS "USTAR", p.ustar_threshold AS "threshold"
FROM v_flux f LEFT JOIN v_product p ON p.station = f.station AND p.kind = 'provisional' AND p.time = f.time
WHERE f.station = ${station:sqlstring} AND $__timeFilter(f.time) ORDER BY f.time;

-- name: flags
SELECT time, fc_ssitc_test AS "FC", le_ssitc_test AS "LE", h_ssitc_test AS "H", tau_ssitc_test AS "TAU"
FROM v_flux WHERE station = ${station:sqlstring} AND $__timeFilter(time) ORDER BY time;

-- name: readings
SELECT $__timeGroup(time, $__interval) AS time, channel || ' [' || unit || ']' AS metric,
       avg(value) FILTER (WHERE value <> 'NaN' AND flag IS DISTINCT FROM 4) AS value
FROM v_reading
WHERE station = ${station:sqlstring} AND channel IN (${reading:sqlstring}) AND $__timeFilter(time)
GROUP BY 1, 2 ORDER BY 1;

-- name: reading_flags
SELECT $__timeGroup(time, $__interval) AS time, channel AS metric, max(CASE WHEN flag <> 9 THEN flag END) AS value
FROM v_reading
WHERE station = ${station:sqlstring} AND channel IN (${reading:sqlstring}) AND $__timeFilter(time)
GROUP BY 1, 2 ORDER BY 1;

-- name: found_of_stretches
SELECT f.check_name AS "check", st.name AS stream, f.channel, f.starts AS "from", f.ends AS "to",
       CASE f.flag WHEN 3 THEN 'suspect' WHEN 4 THEN 'bad' END AS "flag", f.reason
FROM finding f JOIN station s ON s.key = f.station JOIN stream st ON st.key = f.stream
WHERE s.id = ${station:sqlstring} AND f.withdrawn IS NULL AND $__timeFilter(f.starts) ORDER BY f.starts DESC;

-- name: minutes
SELECT time, min AS "min", mean AS "mean", max AS "max"
FROM v_minute
WHERE station = ${station:sqlstring} AND channel = ${sample:sqlstring} AND $__timeFilter(time) ORDER BY time;

-- name: completeness
SELECT date_trunc('day', time) AS time,
       100 * sum(extract(epoch FROM ends - time)) / 86400 AS "computed",
       100 * coalesce(sum(extract(epoch FROM ends - time)) FILTER (WHERE fc_ssitc_test <= 1), 0) / 86400 AS "FC good or usable"
FROM v_flux WHERE station = ${station:sqlstring} AND $__timeFilter(time) GROUP BY 1 ORDER BY 1;
