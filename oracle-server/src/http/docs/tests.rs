//! Laws of the page.
