CREATE INDEX IF NOT EXISTS objects_in_order ON objects (repository, type, sequence);
