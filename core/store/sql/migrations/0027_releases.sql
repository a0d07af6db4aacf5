-- Releases: a run that is frozen under a number for ever, its files, what became known of it later, and who is told.

ALTER TABLE release
    ADD COLUMN station int NOT NULL REFERENCES station,
    ADD COLUMN version int NOT NULL CHECK (version > 0),
    ADD COLUMN name    text NOT NULL UNIQUE,
    ADD COLUMN title   text NOT NULL,
    ADD COLUMN by      text NOT NULL,
    ADD COLUMN said    jsonb NOT NULL,
    ADD UNIQUE (station, version),
    ADD UNIQUE (run);

CREATE TABLE release_file (
    release    bigint NOT NULL REFERENCES release,
    place      int NOT NULL,
    name       text NOT NULL,
    media_type text NOT NULL,
    size       bigint NOT NULL,
    sha256     text NOT NULL,
    PRIMARY KEY (release, name)
);

CREATE TABLE release_issue (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release   bigint NOT NULL REFERENCES release,
    made      timestamptz NOT NULL DEFAULT clock_timestamp(),
    by        text NOT NULL,
    text      text NOT NULL,
    withdraws boolean NOT NULL
);
CREATE INDEX release_issue_release ON release_issue (release, id);

CREATE FUNCTION refuse_release_edit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a release is never edited: make a new one, or add a known issue'
        USING ERRCODE = 'restrict_violation', DETAIL = format('%s of %s', TG_OP, TG_TABLE_NAME);
END $$;
CREATE TRIGGER release_is_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON release
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_release_edit();
CREATE TRIGGER release_file_is_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON release_file
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_release_edit();
CREATE TRIGGER release_issue_is_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON release_issue
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_release_edit();

CREATE TABLE webhook (
    id      int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    url     text NOT NULL,
    -- of all stations that anybody may read, if none is named
    station int REFERENCES station,
    made_by text NOT NULL,
    created timestamptz NOT NULL DEFAULT now(),
    removed timestamptz
);

CREATE TABLE webhook_delivery (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook   int NOT NULL REFERENCES webhook,
    station   int NOT NULL REFERENCES station,
    -- as text: what is signed is sent, byte for byte
    body      text NOT NULL,
    queued    timestamptz NOT NULL DEFAULT clock_timestamp(),
    due       timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts  int NOT NULL DEFAULT 0,
    delivered timestamptz,
    abandoned timestamptz,
    failure   text NOT NULL DEFAULT ''
);
CREATE INDEX webhook_delivery_due ON webhook_delivery (due) WHERE delivered IS NULL AND abandoned IS NULL;
