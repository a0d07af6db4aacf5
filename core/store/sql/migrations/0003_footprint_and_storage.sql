-- Footprint distances [m] and storage changes [umol m-2 s-1, W m-2] of each averaging interval.

ALTER TABLE flux
    ADD COLUMN fetch_max double precision,
    ADD COLUMN fetch_70  double precision,
    ADD COLUMN fetch_90  double precision,
    ADD COLUMN sc        double precision,
    ADD COLUMN sh        double precision,
    ADD COLUMN sle       double precision;

ALTER TABLE flux_history
    ADD COLUMN fetch_max double precision,
    ADD COLUMN fetch_70  double precision,
    ADD COLUMN fetch_90  double precision,
    ADD COLUMN sc        double precision,
    ADD COLUMN sh        double precision,
    ADD COLUMN sle       double precision;

CREATE OR REPLACE VIEW v_flux AS
SELECT f.time, f.ends, s.id AS station,
       f.tau, f.ustar, f.h, f.le, f.et, f.fc, f.fh2o, f.tau_ssitc_test, f.h_ssitc_test, f.le_ssitc_test,
       f.fc_ssitc_test, f.mo_length, f.zl, f.ws, f.ws_max, f.wd, f.t_sonic, f.ta, f.pa, f.rh, f.vpd, f.co2,
       f.h2o, f.co2_mixing_ratio, f.h2o_mixing_ratio, f.u_sigma, f.v_sigma, f.w_sigma, f.t_sonic_sigma, f.tke,
       f.reasons, f.diagnostics, f.config_sha256, f.code_version, f.computed,
       f.fetch_max, f.fetch_70, f.fetch_90, f.sc, f.sh, f.sle
FROM flux f JOIN station s ON s.key = f.station;
