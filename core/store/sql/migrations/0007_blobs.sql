-- The long memory: old sample blocks by the half-hour (1800 s of one stream), compacted and verified bit for bit.

CREATE TABLE sample_blob (
    time     timestamptz NOT NULL, -- START of the half-hour in which the blocks start
    station  int NOT NULL,
    stream   int NOT NULL,
    first    timestamptz NOT NULL, -- START of the first block
    last     timestamptz NOT NULL, -- START of the last block
    ends     timestamptz NOT NULL, -- END of the block that reaches farthest
    blocks   int NOT NULL,
    n        int NOT NULL,         -- samples of all blocks
    channels smallint NOT NULL,
    codec    smallint NOT NULL,    -- core/store/blobs.py
    head     bytea NOT NULL,       -- of each block: start, n, dt, seq, received
    samples  bytea NOT NULL
);
SELECT create_hypertable('sample_blob', 'time', chunk_time_interval => interval '7 days', create_default_indexes => false);
CREATE UNIQUE INDEX sample_blob_key ON sample_blob (station, stream, time);
-- packed already
ALTER TABLE sample_blob ALTER COLUMN head SET STORAGE EXTERNAL, ALTER COLUMN samples SET STORAGE EXTERNAL;

-- half-hours whose samples retention has dropped: a block that is sent again is still a duplicate
CREATE TABLE sample_dropped (
    station int NOT NULL,
    stream  int NOT NULL,
    ranges  tstzmultirange NOT NULL,
    PRIMARY KEY (station, stream)
);

-- lz4 packs and unpacks live blocks in half the time of pglz, at the same size; fewer arrays out of line are read faster
ALTER TABLE sample_block SET (toast_tuple_target = 4080);
DO $$
BEGIN
    FOR i IN 1..32 LOOP
        EXECUTE format('ALTER TABLE sample_block ALTER COLUMN c%s SET COMPRESSION lz4', i);
    END LOOP;
END $$;

-- An array of samples as its bytes on disk: a memory copy, where sending it costs a call for every value (3 ms against
-- 18 ms for half an hour of ten channels). What is copied is a header and the values; `core/store/rows.py` reads it.
-- A function of the server's own code may only be declared by a superuser: others get the bytes as they would be sent.
DO $$
BEGIN
    CREATE FUNCTION array_bytes(real[]) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'byteasend';
EXCEPTION WHEN insufficient_privilege THEN
    CREATE FUNCTION array_bytes(real[]) RETURNS bytea LANGUAGE sql STABLE STRICT PARALLEL SAFE AS 'SELECT array_send($1)';
END $$;
