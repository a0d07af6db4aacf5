-- Only where the community edition of TimescaleDB is installed; each statement may be repeated.

-- name: leave_samples_policy
-- old samples are compacted by `fluxtower keep`, smaller; what an earlier version compressed beside it stays readable
SELECT remove_compression_policy('sample_block', if_exists => true);

-- name: compress_minutes
ALTER TABLE minute SET (timescaledb.compress, timescaledb.compress_segmentby = 'station, stream', timescaledb.compress_orderby = 'time');

-- name: compress_minutes_policy
SELECT add_compression_policy('minute', interval '90 days', if_not_exists => true);
