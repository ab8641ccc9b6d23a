//! Plots as SVG, drawn here: whole coordinates, no floats, no script. Their
//! texts stand beside them in HTML, so that they can be read at any width.

use std::fmt::Write as _;

use super::value::Line;
use super::words::{Stamp, late};

/// Size of a plot's coordinates.
const WIDTH: i128 = 1000;
const HEIGHT: i128 = 200;
/// Room at the edges, so that no dot is cut.
const MARGIN: i128 = 8;
/// Bar of a plot that has only a few.
const WIDEST: i128 = 40;

/// Bars of the time from maturity to attestation, oldest first.
pub(super) struct Lateness {
    pub(super) bars: Vec<Bar>,
    pub(super) count: usize,
    pub(super) median: String,
    pub(super) longest: String,
    pub(super) first: Stamp,
    pub(super) last: Stamp,
}

/// One attestation.
pub(super) struct Bar {
    pub(super) x: i128,
    pub(super) y: i128,
    pub(super) width: i128,
    pub(super) height: i128,
    pub(super) about: String,
}

/// Of attested events, the latest first.
pub(super) fn lateness(attested: &[Line]) -> Option<Lateness> {
    let late_ms = |line: &Line| line.lateness_ms.unwrap_or_default().max(0);
    let mut sorted: Vec<i64> = attested.iter().map(late_ms).collect();
    sorted.sort_unstable();
    let longest = *sorted.last()?;
    let median = *sorted.get(sorted.len() / 2)?;
    let step = WIDTH / i128::try_from(attested.len()).unwrap_or(1).max(1);
    let width = (step - 3).clamp(1, WIDEST);
    let bars = attested.iter().rev().zip(0_i128..).map(|(line, i)| {
        let height = scaled(late_ms(line).into(), 0, longest.into(), HEIGHT - 2).max(2);
        Bar {
            x: i * step + (step - width) / 2,
            y: HEIGHT - height,
            width,
            height,
            about: format!("{}: {}", line.id, late(late_ms(line))),
        }
    });
    Some(Lateness {
        bars: bars.collect(),
        count: attested.len(),
        median: late(median),
        longest: late(longest),
        first: attested.last()?.maturity,
        last: attested.first()?.maturity,
    })
}

/// What came out over time.
pub(super) struct Course {
    /// Path of the line; empty where outcomes are words.
    pub(super) path: String,
    /// A dot for each event, as zero-length strokes.
    pub(super) dots: String,
    /// Texts beside the plot, from the top: place in percent, and what stands there.
    pub(super) scale: Vec<(i128, String)>,
    pub(super) first: Stamp,
    pub(super) last: Stamp,
    pub(super) count: usize,
}

/// Of attested integers, oldest first; `None` where there is nothing to draw.
pub(super) fn numbers(lines: &[Line], text: impl Fn(&Line) -> String) -> Option<Course> {
    let points: Vec<(i64, i128, &Line)> = lines
        .iter()
        .filter_map(|line| {
            let integer = line.value.as_ref()?.outcome.parse().ok()?;
            Some((line.maturity.0.timestamp(), integer, line))
        })
        .collect();
    let low = points.iter().min_by_key(|p| p.1)?;
    let high = points.iter().max_by_key(|p| p.1)?;
    let mut scale = vec![(0, text(high.2))];
    if low.1 != high.1 {
        scale.push((100, text(low.2)));
    }
    let placed = points.iter().map(|p| (p.0, p.1)).collect::<Vec<_>>();
    course(&placed, low.1, high.1, true, scale)
}

/// Of outcomes that are words, oldest first, each word on a line of its own.
pub(super) fn words(lines: &[Line], outcomes: &[String]) -> Option<Course> {
    let row = |text: &str| outcomes.iter().position(|o| o == text);
    let last = i128::try_from(outcomes.len()).ok()? - 1;
    let points: Vec<(i64, i128)> = lines
        .iter()
        .filter_map(|line| {
            let row = i128::try_from(row(&line.value.as_ref()?.outcome)?).ok()?;
            Some((line.maturity.0.timestamp(), last - row))
        })
        .collect();
    let scale = outcomes.iter().zip(0_i128..).map(|(name, row)| {
        let percent = if last == 0 { 50 } else { row * 100 / last };
        (percent, name.clone())
    });
    course(&points, 0, last, false, scale.collect())
}

fn course(
    points: &[(i64, i128)],
    low: i128,
    high: i128,
    joined: bool,
    scale: Vec<(i128, String)>,
) -> Option<Course> {
    let (first, last) = (points.first()?.0, points.last()?.0);
    let (mut path, mut dots) = (String::new(), String::new());
    for (time, value) in points {
        let x = MARGIN
            + scaled(
                (*time).into(),
                first.into(),
                last.into(),
                WIDTH - 2 * MARGIN,
            );
        let y = HEIGHT - MARGIN - scaled(*value, low, high, HEIGHT - 2 * MARGIN);
        let pen = if path.is_empty() { 'M' } else { 'L' };
        // Writing to a String cannot fail, here and below.
        let _ = write!(path, "{pen}{x} {y}");
        let _ = write!(dots, "M{x} {y}h0");
    }
    Some(Course {
        path: if joined { path } else { String::new() },
        dots,
        scale,
        first: Stamp::of_s(first)?,
        last: Stamp::of_s(last)?,
        count: points.len(),
    })
}

/// Where a value lies between two others, on a scale of `length`; in the middle
/// where they are the same.
fn scaled(value: i128, low: i128, high: i128, length: i128) -> i128 {
    let span = high.saturating_sub(low);
    if span <= 0 {
        return length / 2;
    }
    // Numbers too large to multiply are large enough to divide first.
    let offset = value.saturating_sub(low);
    offset
        .checked_mul(length)
        .map_or_else(|| offset / (span / length).max(1), |scaled| scaled / span)
}

#[cfg(test)]
mod tests {
    use super::scaled;

    #[test]
    fn a_plot_holds_every_number_that_digits_can() {
        assert_eq!(scaled(5, 0, 10, 200), 100);
        assert_eq!(scaled(3, 3, 3, 200), 100);
        assert_eq!(scaled(i128::MAX, 0, i128::MAX, 200), 200);
        assert_eq!(scaled(0, 0, i128::MAX, 200), 0);
        assert_eq!(scaled(i128::MIN, i128::MIN, i128::MAX, 200), 0);
    }
}
