-- What people say of a station's data after looking at them: by the station's operator, then by the province or centre.
-- Never edited; a review is undone by a newer one.
CREATE TABLE review (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station  int NOT NULL REFERENCES station,
    level    text NOT NULL CHECK (level IN ('station', 'centre')),
    verdict  text NOT NULL CHECK (verdict IN ('accepted', 'returned')),
    subjects text[] NOT NULL,
    starts   timestamptz NOT NULL,
    ends     timestamptz NOT NULL CHECK (ends > starts),
    reason   text NOT NULL,
    by       text NOT NULL,
    made     timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX review_newest ON review (station, id DESC);
