-- What a sender itself says of its values (the flags of HJ 212): kept as it came, beside the values. sender_flags has a flag
-- a channel, 0 where the sender says nothing; null, as most are: it says nothing of any. Reasons by channel.
ALTER TABLE reading ADD COLUMN sender_flags smallint[], ADD COLUMN sender_reasons jsonb;
