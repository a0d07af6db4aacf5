-- Half-hours carry the means of the station's meteorology: what no column had yet, photons, water in the soil, and the
-- other parts of the radiation [umol m-2 s-1, %, W m-2, W m-2, W m-2].

ALTER TABLE flux
    ADD COLUMN ppfd_in double precision,
    ADD COLUMN swc     double precision,
    ADD COLUMN sw_out  double precision,
    ADD COLUMN lw_in   double precision,
    ADD COLUMN lw_out  double precision;

ALTER TABLE flux_history
    ADD COLUMN ppfd_in double precision,
    ADD COLUMN swc     double precision,
    ADD COLUMN sw_out  double precision,
    ADD COLUMN lw_in   double precision,
    ADD COLUMN lw_out  double precision;

CREATE OR REPLACE VIEW v_flux AS
SELECT f.time, f.ends, s.id AS station,
       f.tau, f.ustar, f.h, f.le, f.et, f.fc, f.fh2o, f.tau_ssitc_test, f.h_ssitc_test, f.le_ssitc_test,
       f.fc_ssitc_test, f.mo_length, f.zl, f.ws, f.ws_max, f.wd, f.t_sonic, f.ta, f.pa, f.rh, f.vpd, f.co2,
       f.h2o, f.co2_mixing_ratio, f.h2o_mixing_ratio, f.u_sigma, f.v_sigma, f.w_sigma, f.t_sonic_sigma, f.tke,
       f.reasons, f.diagnostics, f.config_sha256, f.code_version, f.computed,
       f.fetch_max, f.fetch_70, f.fetch_90, f.sc, f.sh, f.sle,
       f.fch4, f.fch4_ssitc_test, f.ch4, f.ch4_mixing_ratio, f.sch4,
       f.fn2o, f.fn2o_ssitc_test, f.n2o, f.n2o_mixing_ratio, f.sn2o, f.scalars,
       f.sw_in, f.netrad, f.g, f.ts, f.p, f.ppfd_in, f.swc, f.sw_out, f.lw_in, f.lw_out
FROM flux f JOIN station s ON s.key = f.station;
