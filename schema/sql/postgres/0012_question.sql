-- What an event asks, for the search: its title and names in lower case, one a line; null where its
-- policy says neither.
ALTER TABLE event ADD COLUMN search TEXT;
