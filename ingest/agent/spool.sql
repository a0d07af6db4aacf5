-- Every statement of the spool (SQLite), by name; `ingest.agent.spool` loads this file.

-- name: settings
-- a second agent would send everything twice, so the lock is kept; the bytes are what stays of the log between checkpoints
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 1048576;
PRAGMA cache_size = -1024;

-- name: begin
BEGIN IMMEDIATE;

-- name: commit
COMMIT;

-- name: version
PRAGMA user_version;

-- name: make_tables
BEGIN IMMEDIATE;
CREATE TABLE spool (run INTEGER NOT NULL);
CREATE TABLE stream (
    key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    next INTEGER NOT NULL DEFAULT 0, dropped INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE block (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, seq INTEGER NOT NULL, start INTEGER NOT NULL,
    kind TEXT NOT NULL, message BLOB NOT NULL
);
CREATE UNIQUE INDEX block_number ON block (stream, seq);
CREATE TABLE place (
    stream INTEGER NOT NULL, file TEXT NOT NULL, offset INTEGER NOT NULL, crc INTEGER NOT NULL, account TEXT,
    PRIMARY KEY (stream, file)
) WITHOUT ROWID;
CREATE TABLE sent (stream INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL, PRIMARY KEY (stream, start))
WITHOUT ROWID;
PRAGMA user_version = 2;

-- name: add_accounts
-- of a spool that was made before accounts were kept
BEGIN IMMEDIATE;
ALTER TABLE place ADD COLUMN account TEXT;
PRAGMA user_version = 2;
COMMIT;

-- name: begin_run
INSERT INTO spool VALUES (?);

-- name: run
SELECT run FROM spool;

-- name: page_bytes
PRAGMA page_size;

-- name: pages
PRAGMA page_count;

-- name: free_pages
PRAGMA freelist_count;

-- name: add_stream
INSERT OR IGNORE INTO stream (name) VALUES (?);

-- name: streams
SELECT name, key FROM stream;

-- name: count_blocks
SELECT stream, count(*) FROM block GROUP BY stream;

-- name: next_number
SELECT next FROM stream WHERE key = ?;

-- name: set_next_number
UPDATE stream SET next = ? WHERE key = ?;

-- name: put_block
INSERT INTO block (stream, seq, start, kind, message) VALUES (?, ?, ?, ?, ?);

-- name: lowest_number
SELECT min(seq) FROM block WHERE stream = ?;

-- name: forget_blocks
DELETE FROM block WHERE stream = ? AND seq BETWEEN ? AND ?;

-- name: block
SELECT seq, start, kind, message FROM block WHERE stream = ? AND seq = ?;

-- name: block_after
SELECT seq, start, kind, message FROM block WHERE stream = ? AND seq > ? ORDER BY seq LIMIT 1;

-- name: waiting
SELECT name, key, (SELECT start FROM block WHERE stream = key ORDER BY seq LIMIT 1), dropped FROM stream;

-- name: oldest_block
SELECT id, stream FROM block ORDER BY id LIMIT 1;

-- name: drop_block
DELETE FROM block WHERE id = ?;

-- name: count_dropped
UPDATE stream SET dropped = dropped + 1 WHERE key = ?;

-- name: position
SELECT offset, crc, account FROM place WHERE stream = ? AND file = ?;

-- name: accounts
SELECT stream, file, offset, crc, account FROM place WHERE offset > 0 AND account IS NOT NULL;

-- name: put_position
INSERT OR REPLACE INTO place (stream, file, offset, crc, account) VALUES (?, ?, ?, ?, ?);

-- name: newest_sent
SELECT start, stop FROM sent WHERE stream = ? ORDER BY start DESC LIMIT ?;

-- name: sent_near
SELECT start, stop FROM sent
WHERE stream = ?1 AND start <= ?2
  AND start >= coalesce((SELECT max(start) FROM sent WHERE stream = ?1 AND start <= ?3), ?3);

-- name: delete_sent
DELETE FROM sent WHERE stream = ? AND start = ?;

-- name: put_sent
INSERT INTO sent VALUES (?, ?, ?);
