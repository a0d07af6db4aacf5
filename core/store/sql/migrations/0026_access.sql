-- Who may do and read what. Of secrets only hashes are kept.

CREATE TABLE account (
    name          text PRIMARY KEY,
    role          text NOT NULL CHECK (role IN ('viewer', 'engineer', 'scientist', 'reviewer', 'admin')),
    scope         text[] NOT NULL,
    password_hash text,
    -- issuer and subject of the identity provider
    identity      text UNIQUE,
    created       timestamptz NOT NULL DEFAULT now(),
    disabled      timestamptz
);

CREATE TABLE api_key (
    id           int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL,
    sha256       bytea NOT NULL UNIQUE,
    role         text NOT NULL CHECK (role IN ('viewer', 'engineer', 'scientist', 'reviewer', 'admin')),
    scope        text[] NOT NULL,
    data_classes text[] NOT NULL,
    made_by      text NOT NULL,
    created      timestamptz NOT NULL DEFAULT now(),
    expires      timestamptz,
    revoked      timestamptz,
    used         timestamptz
);

CREATE TABLE login (
    sha256  bytea PRIMARY KEY,
    account text NOT NULL REFERENCES account,
    created timestamptz NOT NULL DEFAULT now(),
    expires timestamptz NOT NULL
);
CREATE INDEX login_expires ON login (expires);

-- append-only: the newest of a station and class is in force
CREATE TABLE policy (
    id         int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station    int NOT NULL REFERENCES station,
    data_class text NOT NULL CHECK (data_class IN ('station', 'raw', 'readings', 'fluxes', 'products')),
    openness   text NOT NULL CHECK (openness IN ('public', 'embargo', 'private')),
    until      timestamptz,
    group_name text NOT NULL DEFAULT '',
    set_by     text NOT NULL,
    made       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CHECK ((openness = 'embargo') = (until IS NOT NULL))
);
CREATE INDEX policy_newest ON policy (station, data_class, id DESC);

CREATE TABLE audit (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    made      timestamptz NOT NULL DEFAULT clock_timestamp(),
    principal text NOT NULL,
    kind      text NOT NULL,
    action    text NOT NULL,
    station   text NOT NULL DEFAULT '',
    outcome   text NOT NULL CHECK (outcome IN ('done', 'denied')),
    detail    jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_station ON audit (station, id DESC);
