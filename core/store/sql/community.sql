-- Only where the community edition of TimescaleDB is installed; each statement may be repeated.

-- name: compress_samples
ALTER TABLE sample_block SET (timescaledb.compress, timescaledb.compress_segmentby = 'station, stream', timescaledb.compress_orderby = 'time');

-- name: compress_samples_policy
SELECT add_compression_policy('sample_block', interval '14 days', if_not_exists => true);

-- name: compress_minutes
ALTER TABLE minute SET (timescaledb.compress, timescaledb.compress_segmentby = 'station, stream', timescaledb.compress_orderby = 'time');

-- name: compress_minutes_policy
SELECT add_compression_policy('minute', interval '90 days', if_not_exists => true);
