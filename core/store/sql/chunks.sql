-- Chunks of the tables that grow with time.

-- name: old_chunks
SELECT format('%%I.%%I', chunk_schema, chunk_name) AS name, range_start, range_end,
       pg_total_relation_size(format('%%I.%%I', chunk_schema, chunk_name)::regclass) AS bytes
FROM timescaledb_information.chunks
WHERE hypertable_schema = current_schema() AND hypertable_name = %(table)s AND range_end <= %(before)s
ORDER BY range_start;

-- name: drop_chunk
SELECT drop_chunks(%(table)s::regclass, older_than => %(end)s, newer_than => %(start)s);
