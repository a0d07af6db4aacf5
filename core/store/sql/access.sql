-- Accounts, keys, logins, policies and the audit log.

-- name: put_account
INSERT INTO account (name, role, scope, password_hash, identity)
VALUES (%(name)s, %(role)s, %(scope)s, %(password_hash)s, %(identity)s)
ON CONFLICT (name) DO NOTHING
RETURNING name;

-- name: account
SELECT name, role, scope, password_hash, identity, created, disabled FROM account
WHERE name = %(name)s OR identity = %(identity)s;

-- name: accounts
SELECT name, role, scope, password_hash, identity, created, disabled FROM account ORDER BY name;

-- name: set_password
UPDATE account SET password_hash = %(password_hash)s WHERE name = %(name)s RETURNING name;

-- name: disable_account
UPDATE account SET disabled = coalesce(disabled, now()) WHERE name = %(name)s RETURNING name;

-- name: end_logins
DELETE FROM login WHERE account = %(name)s;

-- name: put_login
WITH old AS (DELETE FROM login WHERE expires < now())
INSERT INTO login (sha256, account, expires)
VALUES (%(sha256)s, %(name)s, now() + make_interval(secs => %(seconds)s));

-- name: end_login
DELETE FROM login WHERE sha256 = %(sha256)s;

-- name: login
SELECT a.name, a.role, a.scope FROM login l JOIN account a ON a.name = l.account
WHERE l.sha256 = %(sha256)s AND l.expires > now() AND a.disabled IS NULL;

-- name: put_key
INSERT INTO api_key (name, sha256, role, scope, data_classes, made_by, expires)
VALUES (%(name)s, %(sha256)s, %(role)s, %(scope)s, %(data_classes)s, %(made_by)s, %(expires)s)
RETURNING id;

-- name: key
-- when it was last used is written at most once a minute
WITH found AS (SELECT * FROM api_key WHERE sha256 = %(sha256)s),
used AS (
    UPDATE api_key k SET used = now() FROM found f
    WHERE k.id = f.id AND f.revoked IS NULL AND (f.used IS NULL OR f.used < now() - interval '1 minute'))
SELECT id, name, role, scope, data_classes, made_by, created, expires, revoked, used,
       revoked IS NOT NULL AS is_revoked, coalesce(expires <= now(), false) AS is_expired
FROM found;

-- name: keys
SELECT id, name, role, scope, data_classes, made_by, created, expires, revoked, used,
       revoked IS NOT NULL AS is_revoked, coalesce(expires <= now(), false) AS is_expired
FROM api_key ORDER BY id;

-- name: revoke_key
UPDATE api_key SET revoked = coalesce(revoked, now()) WHERE id = %(id)s RETURNING id;

-- name: put_policy
INSERT INTO policy (station, data_class, openness, until, group_name, set_by)
SELECT key, %(data_class)s, %(openness)s, %(until)s, %(group)s, %(set_by)s FROM station WHERE id = %(station)s
RETURNING id;

-- name: policies
SELECT DISTINCT ON (p.station, p.data_class)
       s.id AS station, p.data_class, p.openness, p.until, p.group_name AS "group"
FROM policy p JOIN station s ON s.key = p.station
ORDER BY p.station, p.data_class, p.id DESC;

-- name: put_audit
INSERT INTO audit (principal, kind, action, station, outcome, detail)
VALUES (%(principal)s, %(kind)s, %(action)s, %(station)s, %(outcome)s, %(detail)s);

-- name: audit
SELECT id, made, principal, kind, action, station, outcome, detail FROM audit
WHERE (%(station)s::text IS NULL OR station = %(station)s) AND (%(below)s::bigint IS NULL OR id < %(below)s)
ORDER BY id DESC LIMIT %(limit)s;
