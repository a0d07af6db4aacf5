-- Who is told of releases, and what is still to be told.

-- name: put_webhook
INSERT INTO webhook (url, station, made_by) VALUES (%(url)s, %(station)s, %(made_by)s) RETURNING id;

-- name: webhooks
SELECT w.id, w.url, s.id AS station, w.made_by, w.created,
       (SELECT count(*) FROM webhook_delivery d WHERE d.webhook = w.id AND d.delivered IS NOT NULL) AS delivered,
       (SELECT count(*) FROM webhook_delivery d
        WHERE d.webhook = w.id AND d.delivered IS NULL AND d.abandoned IS NULL) AS waiting,
       (SELECT count(*) FROM webhook_delivery d WHERE d.webhook = w.id AND d.abandoned IS NOT NULL) AS abandoned,
       coalesce((SELECT d.failure FROM webhook_delivery d WHERE d.webhook = w.id ORDER BY d.id DESC LIMIT 1), '')
           AS failure
FROM webhook w LEFT JOIN station s ON s.key = w.station
WHERE w.removed IS NULL ORDER BY w.id;

-- name: remove_webhook
UPDATE webhook SET removed = now() WHERE id = %(id)s AND removed IS NULL RETURNING id;

-- name: due_deliveries
SELECT d.id, d.webhook, w.url, w.station IS NOT NULL AS is_named, s.id AS station, d.body, d.queued, d.attempts
FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook JOIN station s ON s.key = d.station
WHERE d.delivered IS NULL AND d.abandoned IS NULL AND d.due <= now() AND w.removed IS NULL
ORDER BY d.due, d.id LIMIT %(limit)s;

-- name: mark_delivered
UPDATE webhook_delivery SET delivered = now(), attempts = attempts + 1, failure = '' WHERE id = %(id)s;

-- name: mark_failed
UPDATE webhook_delivery SET attempts = attempts + 1, failure = %(failure)s,
    due = now() + make_interval(secs => %(wait)s),
    abandoned = CASE WHEN %(is_last)s THEN now() END
WHERE id = %(id)s;
