-- What the database tells at once.

-- name: notify_readings
NOTIFY fluxtower_readings;

-- name: listen_readings
LISTEN fluxtower_readings;
