-- A checksum of the bytes, if they arrived when there already was one.
ALTER TABLE objects ADD COLUMN checksum INTEGER;
