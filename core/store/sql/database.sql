-- What all parts stand on: migrations, the state of the whole, work that only one does at a time.

-- name: lock_migrations
SELECT pg_advisory_xact_lock(hashtext('fluxtower migrations'));

-- name: create_migration_table
CREATE TABLE IF NOT EXISTS schema_migration (
    name    text PRIMARY KEY,
    sha256  text NOT NULL,
    applied timestamptz NOT NULL DEFAULT now()
);

-- name: create_extension
CREATE EXTENSION IF NOT EXISTS timescaledb;

-- name: applied_migrations
SELECT name, sha256 FROM schema_migration;

-- name: record_migration
INSERT INTO schema_migration (name, sha256) VALUES (%(name)s, %(sha256)s);

-- name: has_job_queue
SELECT to_regclass('procrastinate_jobs') IS NOT NULL AS present;

-- name: quiet_builtin_job
-- the Apache edition schedules a job that it cannot run and that logs an error every day
UPDATE _timescaledb_config.bgw_job SET scheduled = false WHERE id = 3;

-- name: edition
SELECT extversion AS version, current_setting('timescaledb.license', true) AS licence
FROM pg_extension WHERE extname = 'timescaledb';

-- name: health
SELECT (SELECT count(*) FROM station) AS stations,
       (SELECT max(received) FROM latest) AS newest,
       (SELECT count(*) FROM interval_state WHERE computed IS NULL OR computed < revision) AS intervals_waiting,
       (SELECT count(*) FROM interval_state WHERE failure IS NOT NULL) AS intervals_failed,
       (SELECT count(*) FROM season_attempt WHERE reason IS NOT NULL) AS seasons_failed,
       (SELECT count(*) FROM reject WHERE done IS NULL) AS rejects;

-- name: try_alone
SELECT pg_try_advisory_xact_lock(hashtext('fluxtower alone'), hashtext('{work}')) AS alone;

-- name: vacuum
VACUUM {table};
