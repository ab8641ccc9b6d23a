//! The only secrets of the project.
