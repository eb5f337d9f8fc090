-- All lifetimes in their order, deleted or not: what recovery points see is listed by it.
CREATE INDEX IF NOT EXISTS objects_in_order ON objects (repository, type, sequence);
