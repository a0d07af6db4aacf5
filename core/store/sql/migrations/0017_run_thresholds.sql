-- Thresholds of u* of earlier runs stand under names that had to be taken apart ('season 1998003', 'year 1998 5 %'), E0
-- among them. Here they get the form of today's runs: an object each, and E0 a key of its own. No value changes.

ALTER TABLE run DISABLE TRIGGER run_stays;

UPDATE run SET provenance = provenance || jsonb_build_object(
    'E0', provenance -> 'thresholds' -> 'E0',
    'thresholds', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
                   'kind', t.kind,
                   'value', t.value,
                   'year', CASE t.kind WHEN 'season' THEN t.number / 1000 WHEN 'CUT' THEN NULL ELSE t.number END,
                   'season', CASE t.kind WHEN 'season' THEN t.number % 1000 END,
                   'percentile', t.percentile)
               ORDER BY array_position(ARRAY['fixed', 'season', 'year', 'VUT', 'CUT'], t.kind),
                   t.percentile IS NOT NULL, t.number, t.percentile), '[]')
        FROM (SELECT parts[1] AS kind, parts[2]::int AS number, parts[3]::numeric AS percentile, named.value
              FROM jsonb_each(provenance -> 'thresholds') AS named
              CROSS JOIN LATERAL regexp_match(
                  named.key, '^(fixed|season|year|VUT|CUT)(?: (\d+)(?: ([\d.]+) %)?)?$') AS parts
              -- what could not be found was null
              WHERE parts IS NOT NULL AND jsonb_typeof(named.value) = 'number') AS t))
WHERE jsonb_typeof(provenance -> 'thresholds') = 'object';

ALTER TABLE run ENABLE TRIGGER run_stays;
