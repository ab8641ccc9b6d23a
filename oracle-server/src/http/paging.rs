//! Pages of lists: one row more than fits is asked for, and tells whether another page
//! follows.

/// How many rows to ask for, of a page with at most `limit`.
pub(crate) const fn one_more(limit: i64) -> i64 {
    limit.saturating_add(1)
}

/// The rows of one page.
#[derive(Debug)]
pub(crate) struct Page<T> {
    rows: Vec<T>,
    has_next: bool,
}

impl<T> Page<T> {
    /// The first `limit` of these rows, of which there are [`one_more`] where there are
    /// enough.
    pub(crate) fn of(rows: impl IntoIterator<Item = T>, limit: i64) -> Self {
        let mut left = rows.into_iter();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let rows = left.by_ref().take(limit).collect();
        Self {
            rows,
            has_next: left.next().is_some(),
        }
    }

    /// Where the next page goes on, by the last row of this one; none after the last page.
    pub(crate) fn next(&self, cursor: impl FnOnce(&T) -> String) -> Option<String> {
        self.rows.last().filter(|_| self.has_next).map(cursor)
    }

    pub(crate) fn into_rows(self) -> Vec<T> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_row_that_does_not_fit_makes_a_next_page() {
        for (rows, next) in [(0, None), (1, None), (3, None), (4, Some("2".to_owned()))] {
            let page = Page::of(0..rows, 3);
            assert_eq!(page.next(ToString::to_string), next, "{rows} rows");
            let expected: Vec<i64> = (0..rows.min(3)).collect();
            assert_eq!(page.into_rows(), expected);
        }
    }
}
