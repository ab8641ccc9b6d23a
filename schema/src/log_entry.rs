//! log_entry
