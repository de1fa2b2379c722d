//! Pictures of a run: a round's histogram, the convergence over rounds, and groups side by side.
//!
//! Every picture has a title and a description for those who cannot see it, and colours that differ in
//! lightness too (M. Okabe and K. Ito, "Color universal design", 2008).

mod axis;
mod margins;
mod svg;
mod terminal;

pub(crate) use margins::{Margin, margin};
pub(crate) use svg::escaped;
pub(crate) use terminal::bars;

use axis::Axis;
use svg::{Anchor, Svg, TOP};

const BLUE: &str = "#0072B2";
const SKY: &str = "#56B4E9";
const VERMILION: &str = "#D55E00";
const BLACK: &str = "#000000";
const ORANGE: &str = "#E69F00";

/// Colour and dashes of a line; dashes tell lines apart without colours.
const STYLES: [(&str, &str); 4] =
    [(BLACK, ""), (BLUE, "6 3"), (VERMILION, "2 3"), (ORANGE, "8 3 2 3")];

/// Points of a line; more cannot be told apart on a screen.
const POINTS_MAX: usize = 1_000;
/// Groups that are drawn.
const GROUPS_MAX: usize = 40;

/// Counts of equal bins from `low` to `high`, with marked values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    pub(crate) title: String,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) counts: Vec<u64>,
    pub(crate) marks: Vec<(String, f64)>,
}

/// Lines over rounds, and a band around the first one.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Convergence {
    pub(crate) title: String,
    pub(crate) rounds: Vec<u32>,
    /// A name and a value for each round; none breaks the line.
    pub(crate) lines: Vec<(String, Vec<Option<f64>>)>,
    /// A name, and lower and upper end for each round.
    pub(crate) band: Option<(String, Vec<Option<(f64, f64)>>)>,
}

/// The spread of each group: outer ends, inner ends and middle.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Groups {
    pub(crate) title: String,
    /// What the five numbers are.
    pub(crate) about: String,
    pub(crate) spreads: Vec<(String, [f64; 5])>,
}

/// The histogram as SVG.
pub(crate) fn histogram(plot: &Histogram) -> String {
    let total: u64 = plot.counts.iter().sum();
    let share = |count: u64| if total == 0 { 0.0 } else { 100.0 * count as f64 / total as f64 };
    let most = plot.counts.iter().copied().max().map_or(0.0, share);
    let about = format!("{} values in {} bins of equal width", total, plot.counts.len());
    let mut svg = Svg::new(&plot.title, &about, 414.0);
    let x = svg.across(Axis::new(plot.low, plot.high));
    let y = svg.up(Axis::from_zero(most));
    svg.grid_up(&y, "percent of answers");
    let width = (plot.high - plot.low) / plot.counts.len().max(1) as f64;
    for (bin, &count) in plot.counts.iter().enumerate() {
        let from = plot.low + width * bin as f64;
        let (left, right) = (x.place(from), x.place(from + width));
        let (top, bottom) = (y.place(share(count)), y.place(0.0));
        svg.bar((left + 0.5, top), (right - 0.5, bottom), SKY);
    }
    svg.grid_across(&x, "answer");
    for ((name, value), style) in plot.marks.iter().zip(STYLES) {
        let at = x.place(*value);
        svg.line(&[(at, y.place(y.axis.high)), (at, y.place(0.0))], style);
        svg.legend(&format!("{name} {}", crate::figures::short(*value)), style);
    }
    svg.finish()
}

/// The convergence as SVG.
pub(crate) fn convergence(plot: &Convergence) -> String {
    let values = plot.lines.iter().flat_map(|(_, values)| values.iter().flatten().copied());
    let ends = plot.band.iter().flat_map(|(_, ends)| ends.iter().flatten());
    let all = values.chain(ends.flat_map(|&(low, high)| [low, high]));
    let about = format!("{} lines over {} rounds", plot.lines.len(), plot.rounds.len());
    let mut svg = Svg::new(&plot.title, &about, 414.0);
    let last = plot.rounds.last().copied().unwrap_or(1);
    let first = plot.rounds.first().copied().unwrap_or(1);
    let x = svg.across(Axis::whole(f64::from(first), f64::from(last)));
    let y = svg.up(Axis::around(all));
    svg.grid_up(&y, "answer");
    svg.grid_across(&x, "round");
    let kept: Vec<usize> = sample(plot.rounds.len());
    if let Some((name, ends)) = &plot.band {
        let at = |place: &usize| Some((x.place(f64::from(plot.rounds[*place])), ends[*place]?));
        let points: Vec<_> = kept.iter().filter_map(at).collect();
        let upper = points.iter().map(|(x, (_, high))| (*x, y.place(*high)));
        let lower = points.iter().rev().map(|(x, (low, _))| (*x, y.place(*low)));
        svg.area(&upper.chain(lower).collect::<Vec<_>>(), SKY);
        svg.legend_area(name, SKY);
    }
    for ((name, values), style) in plot.lines.iter().zip(STYLES) {
        let runs = kept.split(|place| values[*place].is_none());
        for run in runs.filter(|run| !run.is_empty()) {
            let at = |place: &usize| {
                let value = values[*place].expect("runs are split at missing values");
                (x.place(f64::from(plot.rounds[*place])), y.place(value))
            };
            svg.line(&run.iter().map(at).collect::<Vec<_>>(), style);
        }
        svg.legend(name, style);
    }
    svg.finish()
}

/// The groups as SVG, the first on top.
pub(crate) fn groups(plot: &Groups) -> String {
    const ROW: f64 = 26.0;
    let drawn = &plot.spreads[..plot.spreads.len().min(GROUPS_MAX)];
    let about = format!("{}; {} of {} groups", plot.about, drawn.len(), plot.spreads.len());
    let mut svg = Svg::new(&plot.title, &about, 144.0 + ROW * drawn.len() as f64);
    svg.widen_left(drawn.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0));
    let x = svg.across(Axis::around(drawn.iter().flat_map(|(_, ends)| *ends)));
    svg.grid_across(&x, "answer");
    for (row, (name, ends)) in drawn.iter().enumerate() {
        let y = TOP + ROW * (row as f64 + 0.5);
        let [low, lower, middle, upper, high] = ends.map(|end| x.place(end));
        svg.line(&[(low, y), (high, y)], (BLACK, ""));
        svg.bar((lower, y - 7.0), (upper.max(lower + 1.0), y + 7.0), SKY);
        svg.line(&[(middle, y - 9.0), (middle, y + 9.0)], (VERMILION, ""));
        svg.text((svg.left() - 8.0, y + 4.0), Anchor::End, name);
    }
    svg.legend(&plot.about, (VERMILION, ""));
    svg.finish()
}

/// Places to draw: all, or evenly spread ones with the first and the last.
fn sample(points: usize) -> Vec<usize> {
    if points <= POINTS_MAX {
        return (0..points).collect();
    }
    (0..POINTS_MAX).map(|place| place * (points - 1) / (POINTS_MAX - 1)).collect()
}

#[cfg(test)]
mod tests;
