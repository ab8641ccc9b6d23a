//! HTTP: readers only see what is published.
