-- Whether loggers are online.

-- name: put_logger_state
WITH changed AS (
    INSERT INTO logger_state AS old (station, logger, online, reason)
    SELECT key, %(logger)s, %(online)s, %(reason)s FROM station WHERE id = %(station)s
    ON CONFLICT (station, logger) DO UPDATE
    SET online = excluded.online, reason = excluded.reason, since = clock_timestamp()
    -- a retained message comes again with every subscription: only a change counts
    WHERE old.online <> excluded.online
    RETURNING *
)
INSERT INTO event (station, time, kind, severity, message, data)
SELECT station, since, 'logger', CASE WHEN online THEN 'info' ELSE 'warning' END,
       concat_ws(' ', 'logger', nullif(logger, ''), CASE WHEN online THEN 'is online' ELSE 'is offline' END)
       || CASE WHEN reason = '' THEN '' ELSE ': ' || reason END,
       jsonb_build_object('logger', logger, 'online', online, 'reason', reason)
FROM changed;

-- name: logger_states
SELECT s.id AS station, l.logger, l.online, l.reason, l.since
FROM logger_state l JOIN station s ON s.key = l.station
ORDER BY s.id, l.logger;
