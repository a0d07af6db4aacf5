-- Attempts at a station's provisional run that have left none: at work, or failed. A stored run deletes the row.

CREATE TABLE season_attempt (
    station  int PRIMARY KEY REFERENCES station,
    attempts int NOT NULL,
    tried    timestamptz NOT NULL,
    reason   text -- NULL: nothing has failed yet
);
