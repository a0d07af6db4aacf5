-- raw files that were read wholly into the store; one that has changed since is read again
CREATE TABLE ingested_file (
    station  int NOT NULL REFERENCES station,
    stream   text NOT NULL,
    name     text NOT NULL,
    size     bigint NOT NULL,
    modified timestamptz NOT NULL,
    first    timestamptz NOT NULL,
    ends     timestamptz NOT NULL,
    done     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (station, stream, name, size, modified)
);
