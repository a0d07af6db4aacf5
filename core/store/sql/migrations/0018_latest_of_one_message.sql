-- Newest values from the future keep what is true from being shown until their time has come; the next message of the
-- stream brings them again.
DELETE FROM latest WHERE time > now() + interval '5 minutes';
