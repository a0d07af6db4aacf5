-- Season runs with everything that their season gave, and what they were made of. Never edited: the database refuses it.

ALTER TABLE run
    ADD COLUMN first      timestamptz,
    ADD COLUMN last       timestamptz,
    ADD COLUMN intervals  int NOT NULL DEFAULT 0,
    ADD COLUMN minutes    int,
    -- names of the series of `product.further`, in their order
    ADD COLUMN further    text[] NOT NULL DEFAULT '{}',
    ADD COLUMN provenance jsonb NOT NULL DEFAULT '{}';

ALTER TABLE product
    ADD COLUMN nee_flag        smallint,
    ADD COLUMN nee_randunc     double precision,
    ADD COLUMN ustar           double precision,
    ADD COLUMN ustar_threshold double precision,
    ADD COLUMN reco_nt         double precision,
    ADD COLUMN gpp_nt          double precision,
    ADD COLUMN reco_dt         double precision,
    ADD COLUMN reco_dt_sd      double precision,
    ADD COLUMN gpp_dt          double precision,
    ADD COLUMN gpp_dt_sd       double precision,
    ADD COLUMN le              double precision,
    ADD COLUMN le_f            double precision,
    ADD COLUMN le_f_qc         smallint,
    ADD COLUMN h               double precision,
    ADD COLUMN h_f             double precision,
    ADD COLUMN h_f_qc          smallint,
    ADD COLUMN et              double precision,
    ADD COLUMN fch4            double precision,
    ADD COLUMN fch4_f          double precision,
    ADD COLUMN fch4_f_qc       smallint,
    ADD COLUMN sw_in_f         double precision,
    ADD COLUMN sw_in_f_qc      smallint,
    ADD COLUMN ta_f            double precision,
    ADD COLUMN ta_f_qc         smallint,
    ADD COLUMN vpd_f           double precision,
    ADD COLUMN vpd_f_qc        smallint,
    ADD COLUMN further         double precision[];

-- earlier runs: their length of an interval is not known
UPDATE run SET first = p.first, last = p.last, intervals = p.n
FROM (SELECT run, min(time) AS first, max(time) AS last, count(*) AS n FROM product GROUP BY run) p
WHERE p.run = run.id;

CREATE FUNCTION refuse_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a season run is never edited: make a new one'
        USING ERRCODE = 'restrict_violation', DETAIL = format('%s of %s', TG_OP, TG_TABLE_NAME);
END $$;

CREATE TRIGGER run_stays BEFORE UPDATE OR DELETE ON run FOR EACH ROW EXECUTE FUNCTION refuse_edit();
CREATE TRIGGER product_stays BEFORE UPDATE OR DELETE ON product FOR EACH ROW EXECUTE FUNCTION refuse_edit();

CREATE VIEW v_run AS
SELECT r.id AS run, s.id AS station, r.kind, r.first, r.last, r.intervals, r.minutes, r.started, r.finished,
       r.config_sha256, r.code_version, r.methods, r.further, r.provenance
FROM run r JOIN station s ON s.key = r.station;

-- the newest run of each kind; of any other: product WHERE run = ...
CREATE OR REPLACE VIEW v_product AS
SELECT p.time, s.id AS station, r.id AS run, r.kind, r.finished,
       p.nee, p.nee_f, p.nee_f_qc, p.nee_f_sd, p.nee_f_n, p.nee_f_method, p.nee_f_window,
       p.nee_flag, p.nee_randunc, p.ustar, p.ustar_threshold,
       p.reco_nt, p.gpp_nt, p.reco_dt, p.reco_dt_sd, p.gpp_dt, p.gpp_dt_sd,
       p.le, p.le_f, p.le_f_qc, p.h, p.h_f, p.h_f_qc, p.et, p.fch4, p.fch4_f, p.fch4_f_qc,
       p.sw_in_f, p.sw_in_f_qc, p.ta_f, p.ta_f_qc, p.vpd_f, p.vpd_f_qc
FROM (SELECT DISTINCT ON (station, kind) id, station, kind, finished FROM run
      ORDER BY station, kind, finished DESC, id DESC) r
JOIN station s ON s.key = r.station
JOIN product p ON p.run = r.id;
