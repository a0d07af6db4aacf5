-- An interval of which retention has dropped samples is not computed again, whatever comes later: it would be made of a rest.

ALTER TABLE interval_state ADD COLUMN dropped boolean NOT NULL DEFAULT false;

UPDATE interval_state i SET dropped = true, computed = greatest(i.computed, i.revision),
    failure = CASE WHEN i.computed IS NULL OR i.computed < i.revision
                   THEN 'data came after retention had dropped its samples: the result before them stays' ELSE i.failure END
FROM sample_dropped d
WHERE d.station = i.station AND i.samples > 0 AND d.ranges && tstzrange(i.time, i.ends);
