//! The report of a population as one HTML page with small pictures, which needs nothing from elsewhere.

use std::fmt::Write as _;

use throng_population::generate::{GenerationReport, NEAR};
use throng_population::{MarginReport, NumberReport, Report};

use crate::figures::{grouped, short, significant};
use crate::plot::{Margin, escaped, margin};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:110rem;padding:0 1rem;color:#222;background:#fff}\
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(26rem,1fr));gap:1.5rem;align-items:start}\
figure{margin:0;border:1px solid #ddd;border-radius:6px;overflow:hidden}svg{display:block;width:100%}\
table{border-collapse:collapse;margin:2rem 0}th,td{padding:.25rem .9rem;text-align:right;border-bottom:1px solid #ddd}\
th:first-child,td:first-child{text-align:left}.is{color:#0072B2}.goal{color:#D55E00}";

/// The page.
pub(crate) fn page(report: &Report) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Population</title>\n\
         <style>{STYLE}</style>\n<h1>{} people</h1>\n\
         <p>Seed {}. <span class=\"is\">Bars</span> are the people there are, \
         <span class=\"goal\">marks</span> what was asked for. {}</p>\n",
        grouped(report.size),
        report.seed,
        duplicates(report)
    );
    page.push_str("<main>\n");
    for (place, of) in report.margins.iter().enumerate() {
        page.push_str("<figure>\n");
        page.push_str(&margin(&picture(of), &format!("-{place}")));
        page.push_str("</figure>\n");
    }
    for (place, of) in report.numbers.iter().enumerate() {
        page.push_str("<figure>\n");
        page.push_str(&margin(&bands(of), &format!("-n{place}")));
        page.push_str("</figure>\n");
    }
    page.push_str("</main>\n");
    numbers(&mut page, report);
    report.generation.iter().for_each(|generation| backgrounds(&mut page, generation));
    page.push_str("</html>\n");
    page
}

fn duplicates(report: &Report) -> String {
    match report.alike {
        Some(alike) => format!("{alike} people have another one like them in every attribute."),
        None => "There are too many people to look for those alike.".to_owned(),
    }
}

/// The people by the value of a number.
fn bands(of: &NumberReport) -> Margin {
    let last = of.bands.len().saturating_sub(1);
    let row = |(place, count): (usize, &u64)| {
        let from = of.low + of.width * place as f64;
        let to = from + of.width;
        // The outer bands take what lies beyond.
        let name = if place == last && of.max >= to {
            format!("{} and more", significant(from))
        } else if place == 0 && of.min < from {
            format!("less than {}", significant(to))
        } else {
            format!("{} to {}", significant(from), significant(to))
        };
        (name, None, *count)
    };
    Margin {
        title: of.attribute.clone(),
        about: format!(
            "mean {}, sd {}; a number belongs to the band it begins",
            short(of.mean),
            short(of.sd)
        ),
        rows: of.bands.iter().enumerate().map(row).collect(),
    }
}

fn picture(of: &MarginReport) -> Margin {
    let (condition, own) = of.attributes.split_at(of.given);
    let given = match condition {
        [] => String::new(),
        attributes => format!(" given {}", attributes.join(", ")),
    };
    let kind = if of.declared { "" } else { ", against independence" };
    let row = |cell: &throng_population::CellReport| {
        (cell.categories.join(" · "), Some(cell.target), cell.achieved)
    };
    Margin {
        title: format!("{}{given}", own.join(" × ")),
        about: format!(
            "{}{kind}: largest miss {:.1}, χ² {:.2} ({} df), {} empty",
            of.of, of.largest_miss, of.chi_square, of.degrees_of_freedom, of.empty
        ),
        rows: of.cells.iter().map(row).collect(),
    }
}

/// What a model made of the people.
fn backgrounds(page: &mut String, of: &GenerationReport) {
    let failed: u64 = of.failed.values().sum();
    let alike = &of.distinctness;
    let _ = write!(
        page,
        "<h2>Backgrounds</h2>\n<p>Written by {}: {} answered, {failed} failed. {} of {} texts are different, \
         and {} resemble an earlier one by {NEAR} or more.</p>\n<table>\n\
         <tr><th>at attempt</th><th>people</th></tr>\n",
        escaped(&of.model.name),
        of.answered,
        alike.distinct,
        alike.texts,
        alike.near_duplicates
    );
    let attempts = (1..).zip(&of.at_attempt).map(|(attempt, count)| (format!("{attempt}"), count));
    let failures = of.failed.iter().map(|(cause, count)| (format!("failed: {cause}"), count));
    for (name, count) in attempts.chain(failures).filter(|(_, count)| **count > 0) {
        let _ = writeln!(page, "<tr><td>{}</td><td>{count}</td></tr>", escaped(&name));
    }
    page.push_str("</table>\n");
    if alike.most_alike.is_empty() {
        return;
    }
    page.push_str("<table>\n<tr><th>most alike</th><th></th><th>resemblance</th></tr>\n");
    for (first, second, much) in &alike.most_alike {
        let _ = writeln!(
            page,
            "<tr><td>agent {first}</td><td>agent {second}</td><td>{much:.2}</td></tr>"
        );
    }
    page.push_str("</table>\n");
}

fn numbers(page: &mut String, report: &Report) {
    if report.numbers.is_empty() {
        return;
    }
    page.push_str(
        "<table>\n<tr><th>number</th><th>target mean</th><th>mean</th><th>sd</th><th>least</th><th>largest</th></tr>\n",
    );
    for number in &report.numbers {
        let target = number.target_mean.map_or("–".to_owned(), |mean| format!("{mean:.3}"));
        // Names of attributes are letters, digits and `_`.
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{target}</td><td>{:.3}</td><td>{:.3}</td><td>{}</td><td>{}</td></tr>",
            number.attribute,
            number.mean,
            number.sd,
            significant(number.min),
            significant(number.max)
        );
    }
    page.push_str("</table>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outer_bands_say_that_they_take_what_lies_beyond() {
        let number = NumberReport {
            attribute: "income".to_owned(),
            target_mean: None,
            mean: 15.0,
            sd: 10.0,
            min: -3.0,
            max: 374.0,
            bands: vec![4, 5, 6],
            low: 0.0,
            width: 10.0,
        };
        let names = |of: &NumberReport| bands(of).rows.into_iter().map(|(name, _, _)| name);
        let beyond: Vec<String> = names(&number).collect();
        assert_eq!(beyond, ["less than 10", "10 to 20", "20 and more"]);
        let within = NumberReport { min: 0.0, max: 29.9, ..number };
        assert_eq!(names(&within).collect::<Vec<_>>(), ["0 to 10", "10 to 20", "20 to 30"]);
    }
}
