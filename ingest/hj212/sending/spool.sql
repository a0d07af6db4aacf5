-- Every statement of the forwarder's spool (SQLite), by name; `ingest.hj212.sending.spool` loads this file.

-- name: settings
-- a second forwarder would send everything twice, so the lock is kept
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA journal_size_limit = 1048576;

-- name: begin
BEGIN IMMEDIATE;

-- name: version
PRAGMA user_version;

-- name: make_tables
BEGIN IMMEDIATE;
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, cn TEXT NOT NULL, time INTEGER NOT NULL,
    qn TEXT NOT NULL UNIQUE, digest BLOB NOT NULL, parts INTEGER NOT NULL, frames BLOB, received INTEGER,
    changed INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX message_key ON message (stream, cn, time);
CREATE INDEX message_waiting ON message (id) WHERE received IS NULL;
CREATE TABLE name (last INTEGER NOT NULL, forgotten INTEGER NOT NULL);
INSERT INTO name VALUES (0, 0);
PRAGMA user_version = 1;
COMMIT;

-- name: known
SELECT time, digest FROM message WHERE stream = ? AND cn = ? AND time >= ? AND time < ?;

-- name: last_name
SELECT last FROM name;

-- name: set_last_name
UPDATE name SET last = ?;

-- name: floor
SELECT forgotten FROM name;

-- name: raise_floor
UPDATE name SET forgotten = max(forgotten, ?);

-- name: put
INSERT INTO message (stream, cn, time, qn, digest, parts, frames) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (stream, cn, time) DO NOTHING;

-- name: mark_changed
UPDATE message SET changed = 1 WHERE stream = ? AND cn = ? AND time = ? AND digest <> ? AND changed = 0;

-- name: waiting
SELECT id, qn, parts, frames FROM message WHERE received IS NULL AND id > ? ORDER BY id LIMIT ?;

-- name: receive
UPDATE message SET received = ?, frames = NULL WHERE qn = ? AND received IS NULL;

-- name: count
SELECT count(*) FILTER (WHERE received IS NULL), count(*) FILTER (WHERE received IS NOT NULL), sum(changed) FROM message;

-- name: forget
DELETE FROM message WHERE received IS NOT NULL AND time < ?;
