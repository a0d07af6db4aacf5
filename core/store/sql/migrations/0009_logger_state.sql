-- Whether loggers are connected to the broker, by their own word or their last will; each change is an event, too.

CREATE TABLE logger_state (
    station int NOT NULL REFERENCES station,
    logger  text NOT NULL,
    online  boolean NOT NULL,
    reason  text NOT NULL,
    since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (station, logger)
);
