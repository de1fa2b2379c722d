//! The few shapes that our pictures need, as SVG text.

use std::fmt::Write;

use super::axis::Axis;

const WIDTH: f64 = 760.0;
const RIGHT: f64 = 20.0;
pub(super) const TOP: f64 = 84.0;
const BOTTOM: f64 = 50.0;
/// Width of a letter of the axis, on average.
const LETTER: f64 = 7.0;

/// Which end of a text lies at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// An axis laid over pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    pub(super) axis: Axis,
    from: f64,
    to: f64,
}

impl Scale {
    /// The pixel of a value.
    pub(super) fn place(&self, value: f64) -> f64 {
        self.from + (self.to - self.from) * self.axis.place(value)
    }
}

/// A picture that is being drawn.
#[derive(Debug)]
pub(super) struct Svg {
    text: String,
    width: f64,
    height: f64,
    left: f64,
    legend_at: f64,
}

impl Svg {
    /// An empty picture with its title.
    pub(super) fn new(title: &str, about: &str, height: f64) -> Self {
        Self::sized(title, about, (WIDTH, height), "")
    }

    /// An empty picture of a width of its own. On a page with others, `mark` tells its parts from theirs.
    pub(super) fn sized(title: &str, about: &str, (width, height): (f64, f64), mark: &str) -> Self {
        let (title, about) = (escaped(title), escaped(about));
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
             aria-labelledby=\"title{mark} about{mark}\" font-family=\"system-ui, sans-serif\" font-size=\"12\">\n\
             <title id=\"title{mark}\">{title}</title>\n<desc id=\"about{mark}\">{about}</desc>\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#FFFFFF\"/>\n\
             <text x=\"20\" y=\"26\" font-size=\"16\" font-weight=\"600\">{title}</text>\n"
        );
        Self { text, width, height, left: 60.0, legend_at: 20.0 }
    }

    /// Makes room for labels of this many letters on the left.
    pub(super) fn widen_left(&mut self, letters: usize) {
        self.left = (letters as f64 * LETTER + 24.0).clamp(60.0, self.width / 2.0);
    }

    pub(super) const fn left(&self) -> f64 {
        self.left
    }

    /// An axis from left to right.
    pub(super) const fn across(&self, axis: Axis) -> Scale {
        Scale { axis, from: self.left, to: self.width - RIGHT }
    }

    /// An axis from bottom to top.
    pub(super) const fn up(&self, axis: Axis) -> Scale {
        Scale { axis, from: self.height - BOTTOM, to: TOP }
    }

    /// Lines and numbers of an axis from left to right, with its name.
    pub(super) fn grid_across(&mut self, scale: &Scale, name: &str) {
        let bottom = self.height - BOTTOM;
        for mark in scale.axis.graduations() {
            let x = scale.place(mark);
            self.line(&[(x, bottom), (x, bottom + 5.0)], ("#444444", ""));
            self.text((x, bottom + 18.0), Anchor::Middle, &label(mark));
        }
        self.line(&[(self.left, bottom), (self.width - RIGHT, bottom)], ("#444444", ""));
        self.text(((self.left + self.width - RIGHT) / 2.0, bottom + 38.0), Anchor::Middle, name);
    }

    /// Lines and numbers of an axis from bottom to top, with its name.
    pub(super) fn grid_up(&mut self, scale: &Scale, name: &str) {
        for mark in scale.axis.graduations() {
            let y = scale.place(mark);
            self.line(&[(self.left, y), (self.width - RIGHT, y)], ("#DDDDDD", ""));
            self.text((self.left - 8.0, y + 4.0), Anchor::End, &label(mark));
        }
        self.text((20.0, TOP - 8.0), Anchor::Start, name);
    }

    pub(super) fn bar(&mut self, (left, top): (f64, f64), (right, bottom): (f64, f64), fill: &str) {
        let (width, height) = ((right - left).max(0.0), (bottom - top).max(0.0));
        self.put(format_args!(
            "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{fill}\"/>"
        ));
    }

    pub(super) fn line(&mut self, points: &[(f64, f64)], (colour, dashes): (&str, &str)) {
        let points = joined(points);
        self.put(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\" stroke-dasharray=\"{dashes}\"/>"
        ));
    }

    pub(super) fn area(&mut self, points: &[(f64, f64)], fill: &str) {
        let points = joined(points);
        self.put(format_args!(
            "<polygon points=\"{points}\" fill=\"{fill}\" fill-opacity=\"0.35\"/>"
        ));
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(text);
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        ));
    }

    /// Explains a line, above the picture.
    pub(super) fn legend(&mut self, name: &str, style: (&str, &str)) {
        let x = self.legend_at;
        self.line(&[(x, 44.0), (x + 24.0, 44.0)], style);
        self.legend_name(name);
    }

    /// A smaller line below the title, where a legend would stand.
    pub(super) fn subtitle(&mut self, text: &str) {
        let text = escaped(text);
        self.put(format_args!("<text x=\"20\" y=\"46\" fill=\"#444444\">{text}</text>"));
    }

    /// Explains an area.
    pub(super) fn legend_area(&mut self, name: &str, fill: &str) {
        let x = self.legend_at;
        self.area(&[(x, 38.0), (x + 24.0, 38.0), (x + 24.0, 50.0), (x, 50.0)], fill);
        self.legend_name(name);
    }

    fn legend_name(&mut self, name: &str) {
        self.text((self.legend_at + 30.0, 48.0), Anchor::Start, name);
        self.legend_at += 50.0 + name.chars().count() as f64 * LETTER;
    }

    /// The whole text.
    pub(super) fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }

    fn put(&mut self, shape: std::fmt::Arguments<'_>) {
        self.text.write_fmt(shape).expect("a text takes any text");
        self.text.push('\n');
    }
}

fn joined(points: &[(f64, f64)]) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    points.join(" ")
}

/// A number of an axis, without the digits that only binary fractions have.
fn label(mark: f64) -> String {
    let rounded = (mark * 1e6).round() / 1e6;
    // Minus zero is zero.
    (rounded + 0.0).to_string()
}

/// Text that cannot be taken for markup; control characters, which XML forbids, become spaces.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_become_markup() {
        assert_eq!(escaped("<a & \"b\">\u{1}"), "&lt;a &amp; &quot;b&quot;&gt; ");
    }

    #[test]
    fn labels_have_no_dust() {
        assert_eq!(label(0.1 + 0.2), "0.3");
        assert_eq!(label(-0.0), "0");
        assert_eq!(label(20.0), "20");
    }
}
