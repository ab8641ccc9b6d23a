-- What was posted to a source, JSON; null where it was asked by GET.
ALTER TABLE observation ADD COLUMN posted TEXT;
