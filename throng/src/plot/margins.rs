//! Counts of categories against what was asked for: a small picture for a page with several.

use super::axis::Axis;
use super::svg::{Anchor, Svg, TOP};
use super::{SKY, VERMILION};
use crate::figures::grouped;

/// Categories that one picture shows.
const ROWS_MAX: usize = 40;
const ROW: f64 = 20.0;
const WIDTH: f64 = 520.0;
/// Letters of a label; longer ones are cut.
const LETTERS_MAX: usize = 34;

/// Counts against targets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Margin {
    pub(crate) title: String,
    /// How well they agree, in a line.
    pub(crate) about: String,
    /// A name, what there should be, where that is known, and what there is.
    pub(crate) rows: Vec<(String, Option<f64>, u64)>,
}

/// The margin as SVG; `mark` tells the parts of pictures on one page apart.
pub(crate) fn margin(plot: &Margin, mark: &str) -> String {
    let drawn = &plot.rows[..plot.rows.len().min(ROWS_MAX)];
    let total: u64 = plot.rows.iter().map(|(_, _, achieved)| achieved).sum();
    let percent = |count: f64| if total == 0 { 0.0 } else { 100.0 * count / total as f64 };
    let about = format!("{}; {} of {} categories", plot.about, drawn.len(), plot.rows.len());
    let size = (WIDTH, 140.0 + ROW * drawn.len() as f64);
    let mut svg = Svg::sized(&plot.title, &about, size, mark);
    svg.subtitle(&plot.about);
    let letters = drawn.iter().map(|(name, _, _)| cut(name).chars().count()).max().unwrap_or(0);
    svg.widen_left(letters);
    let ends =
        drawn.iter().map(|(_, target, achieved)| target.unwrap_or(0.0).max(*achieved as f64));
    // Beyond the longest bar there is room for its count.
    let x = svg.across(Axis::new(0.0, percent(ends.fold(0.0, f64::max)) * 1.25));
    svg.grid_across(&x, "percent");
    for (row, (name, target, achieved)) in drawn.iter().enumerate() {
        let y = TOP + ROW * (row as f64 + 0.5) - 20.0;
        let end = x.place(percent(*achieved as f64));
        let goal = target.map_or(end, |target| x.place(percent(target)));
        svg.text((svg.left() - 8.0, y + 4.0), Anchor::End, &cut(name));
        svg.bar((x.place(0.0), y - 6.0), (end, y + 6.0), SKY);
        if target.is_some() {
            svg.line(&[(goal, y - 9.0), (goal, y + 9.0)], (VERMILION, ""));
        }
        svg.text((end.max(goal) + 6.0, y + 4.0), Anchor::Start, &grouped(*achieved));
    }
    svg.finish()
}

fn cut(name: &str) -> String {
    if name.chars().count() <= LETTERS_MAX {
        return name.to_owned();
    }
    name.chars().take(LETTERS_MAX - 1).chain(['…']).collect()
}
