//! Reading a page: its sections, the rows of its tables, what stands in backticks.

/// The text below a heading, up to the next one of the same level or above.
pub(crate) fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let level = heading.chars().take_while(|c| *c == '#').count();
    let start = page
        .find(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("the page has no heading {heading:?}"));
    let body = page.get(start + heading.len() + 2..).unwrap_or_default();
    let is_next = |line: &str| {
        let hashes = line.chars().take_while(|c| *c == '#').count();
        (1..=level).contains(&hashes) && line.chars().nth(hashes) == Some(' ')
    };
    let mut end = 0;
    for line in body.split_inclusive('\n') {
        if is_next(line) {
            break;
        }
        end += line.len();
    }
    body.get(..end).unwrap_or_default()
}

/// The cells of every row of the tables in a text, without the heads.
pub(crate) fn rows(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_rule = |line: &str| line.starts_with("|-") || line.starts_with("| -");
    lines
        .iter()
        .enumerate()
        .filter(|(at, line)| {
            let is_head = lines.get(at + 1).is_some_and(|next| is_rule(next));
            line.starts_with('|') && !is_rule(line) && !is_head
        })
        .map(|(_, line)| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// What stands in backticks.
pub(crate) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn a_section_ends_where_the_next_begins_and_a_head_is_no_row() {
    let page = "# P\n\n## A\n\nx\n\n### A1\n| h | i |\n|---|---|\n| `a` | b `c` |\n\n## B\ny\n";
    assert!(section(page, "## A").contains("A1"));
    assert!(!section(page, "## A").contains('y'));
    assert_eq!(rows(section(page, "### A1")), [["`a`", "b `c`"]]);
    assert_eq!(quoted("`a`, b `c`").collect::<Vec<_>>(), ["a", "c"]);
}
