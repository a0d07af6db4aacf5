-- When the last import of a station's data ended: its provisional run is made anew then, not only a day after the last one.

CREATE TABLE season_request (
    station   int PRIMARY KEY REFERENCES station,
    requested timestamptz NOT NULL
);
