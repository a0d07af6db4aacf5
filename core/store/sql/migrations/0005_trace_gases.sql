-- CH4 and N2O where they are measured: fluxes and storage changes [nmol m-2 s-1], flags, mole fractions [nmol mol-1];
-- and what a station publishes of further scalars, by its name.

ALTER TABLE flux
    ADD COLUMN fch4             double precision,
    ADD COLUMN fch4_ssitc_test  double precision,
    ADD COLUMN ch4              double precision,
    ADD COLUMN ch4_mixing_ratio double precision,
    ADD COLUMN sch4             double precision,
    ADD COLUMN fn2o             double precision,
    ADD COLUMN fn2o_ssitc_test  double precision,
    ADD COLUMN n2o              double precision,
    ADD COLUMN n2o_mixing_ratio double precision,
    ADD COLUMN sn2o             double precision,
    ADD COLUMN scalars          jsonb NOT NULL DEFAULT '{}';

ALTER TABLE flux_history
    ADD COLUMN fch4             double precision,
    ADD COLUMN fch4_ssitc_test  double precision,
    ADD COLUMN ch4              double precision,
    ADD COLUMN ch4_mixing_ratio double precision,
    ADD COLUMN sch4             double precision,
    ADD COLUMN fn2o             double precision,
    ADD COLUMN fn2o_ssitc_test  double precision,
    ADD COLUMN n2o              double precision,
    ADD COLUMN n2o_mixing_ratio double precision,
    ADD COLUMN sn2o             double precision,
    ADD COLUMN scalars          jsonb NOT NULL DEFAULT '{}';

CREATE OR REPLACE VIEW v_flux AS
SELECT f.time, f.ends, s.id AS station,
       f.tau, f.ustar, f.h, f.le, f.et, f.fc, f.fh2o, f.tau_ssitc_test, f.h_ssitc_test, f.le_ssitc_test,
       f.fc_ssitc_test, f.mo_length, f.zl, f.ws, f.ws_max, f.wd, f.t_sonic, f.ta, f.pa, f.rh, f.vpd, f.co2,
       f.h2o, f.co2_mixing_ratio, f.h2o_mixing_ratio, f.u_sigma, f.v_sigma, f.w_sigma, f.t_sonic_sigma, f.tke,
       f.reasons, f.diagnostics, f.config_sha256, f.code_version, f.computed,
       f.fetch_max, f.fetch_70, f.fetch_90, f.sc, f.sh, f.sle,
       f.fch4, f.fch4_ssitc_test, f.ch4, f.ch4_mixing_ratio, f.sch4,
       f.fn2o, f.fn2o_ssitc_test, f.n2o, f.n2o_mixing_ratio, f.sn2o, f.scalars
FROM flux f JOIN station s ON s.key = f.station;
