//! The report as one HTML page with small multiples, which needs nothing from elsewhere.

use std::fmt::Write as _;

use crate::report::{MarginReport, Report};

/// Bars that one picture shows.
const BARS_MAX: usize = 40;
const BAR: usize = 16;
const LABEL: usize = 190;
const WIDTH: usize = 300;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:2rem;color:#222;background:#fff}\
main{display:flex;flex-wrap:wrap;gap:2rem}figure{margin:0}figcaption{font-weight:600;margin-bottom:.3rem}\
small{color:#666;font-weight:400}svg text{font-size:11px;fill:#333}.is{fill:#4878a8}.should{stroke:#c44;stroke-width:2}\
table{border-collapse:collapse;margin-top:2rem}td,th{padding:.2rem .8rem;text-align:right}";

impl Report {
    /// The report as an HTML page: bars are what is, red marks what should be.
    pub fn to_html(&self) -> String {
        let mut page = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Population</title><style>{STYLE}</style>\
             <h1>{} people</h1><p>Seed {}. Bars are people as they are, red marks what was asked for.</p><main>",
            self.size, self.seed
        );
        self.margins.iter().for_each(|margin| page.push_str(&picture(margin)));
        page.push_str("</main>");
        if !self.numbers.is_empty() {
            page.push_str("<table><tr><th>number<th>target mean<th>mean<th>sd<th>least<th>largest");
            for number in &self.numbers {
                let target =
                    number.target_mean.map(|mean| format!("{mean:.3}")).unwrap_or_default();
                let _ = write!(
                    page,
                    "<tr><td>{}<td>{target}<td>{:.3}<td>{:.3}<td>{}<td>{}",
                    escape(&number.attribute),
                    number.mean,
                    number.sd,
                    number.min,
                    number.max
                );
            }
            page.push_str("</table>");
        }
        if let Some(alike) = self.alike {
            let _ = write!(
                page,
                "<p>{alike} people have another one like them in every attribute.</p>"
            );
        }
        page.push_str("</html>\n");
        page
    }
}

fn picture(margin: &MarginReport) -> String {
    let (condition, of) = margin.attributes.split_at(margin.given);
    let given = if condition.is_empty() {
        String::new()
    } else {
        format!(" given {}", condition.join(", "))
    };
    let shown = &margin.cells[..margin.cells.len().min(BARS_MAX)];
    let top = shown.iter().map(|cell| cell.target.max(cell.achieved as f64)).fold(1.0, f64::max);
    let height = shown.len() * BAR;
    let mut svg = format!(
        "<figure><figcaption>{}{} <small>largest miss {:.1}, χ² {:.2} ({} df), {} empty{}</small></figcaption>\
         <svg width=\"{}\" height=\"{height}\" role=\"img\">",
        escape(&of.join(" × ")),
        escape(&given),
        margin.largest_miss,
        margin.chi_square,
        margin.degrees_of_freedom,
        margin.empty,
        if margin.declared { "" } else { ", against independence" },
        LABEL + WIDTH + 60
    );
    for (place, cell) in shown.iter().enumerate() {
        let (y, middle) = (place * BAR, place * BAR + BAR - 4);
        let width = cell.achieved as f64 / top * WIDTH as f64;
        let mark = LABEL as f64 + cell.target / top * WIDTH as f64;
        let _ = write!(
            svg,
            "<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{}</text><rect class=\"is\" x=\"{LABEL}\" y=\"{}\" width=\"{width:.1}\" height=\"{}\"/>\
             <line class=\"should\" x1=\"{mark:.1}\" x2=\"{mark:.1}\" y1=\"{y}\" y2=\"{}\"/><text x=\"{:.1}\" y=\"{middle}\">{}</text>",
            LABEL - 6,
            escape(&cell.categories.join(" · ")),
            y + 2,
            BAR - 4,
            y + BAR,
            LABEL as f64 + width.max(mark - LABEL as f64) + 5.0,
            cell.achieved
        );
    }
    svg.push_str("</svg>");
    if margin.cells.len() > BARS_MAX {
        let _ = write!(svg, "<br><small>and {} more cells</small>", margin.cells.len() - BARS_MAX);
    }
    svg.push_str("</figure>");
    svg
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
