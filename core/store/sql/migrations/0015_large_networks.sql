-- Tables of many inserts: their arrays have no statistics that a query would use, and counting their elements cost a core
-- for a second or more each minute; rows of samples are soon compacted and dropped, so marking their pages as visible or
-- frozen only writes them a second time (what must be frozen because it stays is frozen all the same).
ALTER TABLE sample_block
    ALTER COLUMN c1 SET STATISTICS 0, ALTER COLUMN c2 SET STATISTICS 0, ALTER COLUMN c3 SET STATISTICS 0,
    ALTER COLUMN c4 SET STATISTICS 0, ALTER COLUMN c5 SET STATISTICS 0, ALTER COLUMN c6 SET STATISTICS 0,
    ALTER COLUMN c7 SET STATISTICS 0, ALTER COLUMN c8 SET STATISTICS 0, ALTER COLUMN c9 SET STATISTICS 0,
    ALTER COLUMN c10 SET STATISTICS 0, ALTER COLUMN c11 SET STATISTICS 0, ALTER COLUMN c12 SET STATISTICS 0,
    ALTER COLUMN c13 SET STATISTICS 0, ALTER COLUMN c14 SET STATISTICS 0, ALTER COLUMN c15 SET STATISTICS 0,
    ALTER COLUMN c16 SET STATISTICS 0, ALTER COLUMN c17 SET STATISTICS 0, ALTER COLUMN c18 SET STATISTICS 0,
    ALTER COLUMN c19 SET STATISTICS 0, ALTER COLUMN c20 SET STATISTICS 0, ALTER COLUMN c21 SET STATISTICS 0,
    ALTER COLUMN c22 SET STATISTICS 0, ALTER COLUMN c23 SET STATISTICS 0, ALTER COLUMN c24 SET STATISTICS 0,
    ALTER COLUMN c25 SET STATISTICS 0, ALTER COLUMN c26 SET STATISTICS 0, ALTER COLUMN c27 SET STATISTICS 0,
    ALTER COLUMN c28 SET STATISTICS 0, ALTER COLUMN c29 SET STATISTICS 0, ALTER COLUMN c30 SET STATISTICS 0,
    ALTER COLUMN c31 SET STATISTICS 0, ALTER COLUMN c32 SET STATISTICS 0;
ALTER TABLE minute
    ALTER COLUMN n SET STATISTICS 0, ALTER COLUMN mean SET STATISTICS 0, ALTER COLUMN min SET STATISTICS 0,
    ALTER COLUMN max SET STATISTICS 0, ALTER COLUMN sd SET STATISTICS 0;
ALTER TABLE reading ALTER COLUMN values SET STATISTICS 0, ALTER COLUMN flags SET STATISTICS 0;
ALTER TABLE sample_block SET (autovacuum_vacuum_insert_threshold = -1, autovacuum_analyze_scale_factor = 1);
ALTER TABLE minute SET (autovacuum_vacuum_insert_scale_factor = 1, autovacuum_analyze_scale_factor = 1);

-- one station of many is found by its index: a condition on another column than those that are distinct would come last
CREATE OR REPLACE VIEW v_station AS
SELECT DISTINCT ON (s.id) s.key, s.id AS station, c.valid_from, c.sha256, c.toml
FROM station s JOIN station_config c ON c.station = s.key
ORDER BY s.id, c.valid_from DESC;
