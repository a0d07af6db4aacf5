-- What people and dashboards read in plain SQL: station ids as text, one row per value.

CREATE VIEW v_station AS
SELECT DISTINCT ON (s.key) s.key, s.id AS station, c.valid_from, c.sha256, c.toml
FROM station s JOIN station_config c ON c.station = s.key
ORDER BY s.key, c.valid_from DESC;

CREATE VIEW v_flux AS
SELECT f.time, f.ends, s.id AS station,
       f.tau, f.ustar, f.h, f.le, f.et, f.fc, f.fh2o, f.tau_ssitc_test, f.h_ssitc_test, f.le_ssitc_test,
       f.fc_ssitc_test, f.mo_length, f.zl, f.ws, f.ws_max, f.wd, f.t_sonic, f.ta, f.pa, f.rh, f.vpd, f.co2,
       f.h2o, f.co2_mixing_ratio, f.h2o_mixing_ratio, f.u_sigma, f.v_sigma, f.w_sigma, f.t_sonic_sigma, f.tke,
       f.reasons, f.diagnostics, f.config_sha256, f.code_version, f.computed
FROM flux f JOIN station s ON s.key = f.station;

CREATE VIEW v_product AS
SELECT p.time, s.id AS station, r.id AS run, r.kind, r.finished,
       p.nee, p.nee_f, p.nee_f_qc, p.nee_f_sd, p.nee_f_n, p.nee_f_method, p.nee_f_window
FROM (SELECT DISTINCT ON (station, kind) * FROM run ORDER BY station, kind, finished DESC) r
JOIN station s ON s.key = r.station
JOIN product p ON p.run = r.id;

CREATE VIEW v_reading AS
SELECT r.time, r.received, s.id AS station, st.name AS stream, x.channel, x.variable, x.unit, x.value, x.flag
FROM reading r
JOIN station s ON s.key = r.station
JOIN stream st ON st.key = r.stream
CROSS JOIN LATERAL unnest(st.channels, st.variables, st.units, r.values, r.flags) AS x (channel, variable, unit, value, flag);

CREATE VIEW v_minute AS
SELECT m.time, s.id AS station, st.name AS stream, x.channel, x.variable, x.unit, x.n, x.mean, x.min, x.max, x.sd
FROM minute m
JOIN station s ON s.key = m.station
JOIN stream st ON st.key = m.stream
CROSS JOIN LATERAL unnest(st.channels, st.variables, st.units, m.n, m.mean, m.min, m.max, m.sd)
    AS x (channel, variable, unit, n, mean, min, max, sd);

CREATE VIEW v_latest AS
SELECT l.time, l.received, s.id AS station, st.name AS stream, x.channel, x.variable, x.unit, x.value
FROM latest l
JOIN station s ON s.key = l.station
JOIN stream st ON st.key = l.stream
CROSS JOIN LATERAL unnest(st.channels, st.variables, st.units, l.values) AS x (channel, variable, unit, value);
