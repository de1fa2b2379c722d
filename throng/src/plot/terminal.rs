//! A histogram as lines of text.

use super::Histogram;

/// Eighths of a letter's width.
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A line per bin: its range, a bar of at most `width` letters, and its share.
pub(crate) fn bars(plot: &Histogram, width: usize) -> Vec<String> {
    let total: u64 = plot.counts.iter().sum();
    let most = plot.counts.iter().copied().max().unwrap_or(0).max(1);
    let step = (plot.high - plot.low) / plot.counts.len().max(1) as f64;
    let edge = |bin: usize| edge_label(plot.low + step * bin as f64);
    let edges = (0..=plot.counts.len()).map(|bin| edge(bin).chars().count()).max().unwrap_or(0);
    let line = |(bin, &count): (usize, &u64)| {
        let (from, to) = (edge(bin), edge(bin + 1));
        let share = if total == 0 { 0.0 } else { 100.0 * count as f64 / total as f64 };
        let bar = bar(count, most, width);
        let marks: Vec<&str> = plot
            .marks
            .iter()
            .filter(|(_, value)| bin_of(plot, *value) == Some(bin))
            .map(|(name, _)| name.as_str())
            .collect();
        let marks =
            if marks.is_empty() { String::new() } else { format!("  < {}", marks.join(", ")) };
        format!("{from:>edges$} to {to:>edges$} {share:>5.1}% {bar}{marks}").trim_end().to_owned()
    };
    plot.counts.iter().enumerate().map(line).collect()
}

fn bin_of(plot: &Histogram, value: f64) -> Option<usize> {
    if !(plot.low..=plot.high).contains(&value) {
        return None;
    }
    let place = (value - plot.low) / (plot.high - plot.low) * plot.counts.len() as f64;
    #[expect(clippy::cast_possible_truncation, reason = "the bin is the whole part")]
    #[expect(clippy::cast_sign_loss, reason = "the value is not below the lowest")]
    let bin = place as usize;
    Some(bin.min(plot.counts.len().saturating_sub(1)))
}

fn bar(count: u64, most: u64, width: usize) -> String {
    // In 128 bits: counts of any population times eighths of any width.
    let eighths = u128::from(count) * (width as u128 * 8) / u128::from(most);
    let eighths = usize::try_from(eighths).unwrap_or(width * 8);
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    } else if eighths == 0 && count > 0 {
        // A bin that is not empty is not shown as empty.
        bar.push(EIGHTHS[1]);
    }
    bar
}

fn edge_label(edge: f64) -> String {
    let rounded = (edge * 1e4).round() / 1e4;
    (rounded + 0.0).to_string()
}
