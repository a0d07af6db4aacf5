-- Releases, their files and known issues.

-- name: next_version
SELECT coalesce(max(version), 0) + 1 AS version FROM release WHERE station = %(station)s;

-- name: put_release
INSERT INTO release (run, released, sha256, citation, licence, station, version, name, title, by, said)
VALUES (%(run)s, %(released)s, %(sha256)s, %(citation)s, %(licence)s, %(station)s, %(version)s, %(name)s, %(title)s,
        %(by)s, %(said)s)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: put_release_file
INSERT INTO release_file (release, place, name, media_type, size, sha256)
VALUES (%(release)s, %(place)s, %(name)s, %(media_type)s, %(size)s, %(sha256)s);

-- name: releases
SELECT r.id, r.name, s.id AS station, r.version, r.run, r.released, r.title, r.citation, r.licence, r.by, r.sha256,
       r.said, n.name AS successor
FROM release r JOIN station s ON s.key = r.station
LEFT JOIN release n ON n.station = r.station AND n.version = r.version + 1
WHERE (%(name)s::text IS NULL OR r.name = %(name)s) AND (%(station)s::text IS NULL OR s.id = %(station)s)
  AND (%(run)s::bigint IS NULL OR r.run = %(run)s) AND (%(below)s::bigint IS NULL OR r.id < %(below)s)
ORDER BY r.id DESC LIMIT %(limit)s;

-- name: release_files
SELECT release, name, media_type, size, sha256 FROM release_file WHERE release = ANY(%(releases)s)
ORDER BY release, place;

-- name: release_issues
SELECT release, made, by, text, withdraws FROM release_issue WHERE release = ANY(%(releases)s) ORDER BY id;

-- name: put_release_issue
INSERT INTO release_issue (release, by, text, withdraws) VALUES (%(release)s, %(by)s, %(text)s, %(withdraws)s)
RETURNING made;

-- name: queue_deliveries
INSERT INTO webhook_delivery (webhook, station, body)
SELECT id, %(station)s, %(body)s FROM webhook WHERE removed IS NULL AND (station IS NULL OR station = %(station)s);
