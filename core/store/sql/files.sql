-- Raw files that were read wholly.

-- name: put_ingested_file
INSERT INTO ingested_file (station, stream, name, size, modified, first, ends)
SELECT key, %(stream)s, %(file)s, %(size)s, %(modified)s, %(first)s, %(ends)s FROM station WHERE id = %(station)s
ON CONFLICT (station, stream, name, size, modified) DO UPDATE SET first = excluded.first, ends = excluded.ends, done = now()
RETURNING name;

-- name: ingested_files
SELECT s.id AS station, f.stream, f.name, f.size, f.modified, f.first, f.ends
FROM ingested_file f JOIN station s ON s.key = f.station
WHERE s.id = %(station)s AND f.stream = %(stream)s
ORDER BY f.first, f.name;
