-- Files of tanks.

-- name: put_tank
INSERT INTO tank (serial) VALUES (%(serial)s) ON CONFLICT (serial) DO UPDATE SET serial = excluded.serial RETURNING key;

-- name: put_tank_file
-- the same text again changes nothing
INSERT INTO tank_file (tank, sha256, toml)
SELECT %(tank)s, %(sha256)s, %(toml)s
WHERE %(sha256)s IS DISTINCT FROM
    (SELECT sha256 FROM tank_file WHERE tank = %(tank)s ORDER BY valid_from DESC LIMIT 1)
RETURNING valid_from;

-- name: tanks
SELECT DISTINCT ON (t.serial) t.serial, f.toml, f.valid_from, f.sha256
FROM tank t JOIN tank_file f ON f.tank = t.key
WHERE %(serials)s::text[] IS NULL OR t.serial = ANY(%(serials)s)
ORDER BY t.serial, f.valid_from DESC;
