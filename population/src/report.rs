//! How well the people fit: target against achieved for every margin, table and declared pair.

use std::fmt::Write as _;

use serde::Serialize;
use throng_engine::{BLOCK, Pool};

use crate::generate::GenerationReport;
use crate::problem::Result;
use crate::sample::{Sample, Sampler, Values};
use crate::stage::{Target, categories, combination};

/// Version of the report's JSON form.
pub const REPORT_VERSION: u32 = 1;
/// Largest population of which people alike in everything are counted: 8 bytes of memory each.
pub const ALIKE_MAX: u64 = 50_000_000;
/// Agents looked at together.
const PORTION: u64 = 64 * BLOCK as u64;

/// What was asked for and what came out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Version of this form.
    pub version: u32,
    /// The number of people.
    pub size: u64,
    /// The seed.
    pub seed: u64,
    /// Margins, tables and pairs.
    pub margins: Vec<MarginReport>,
    /// Attributes that are numbers.
    pub numbers: Vec<NumberReport>,
    /// People who have another one like them in every attribute; nothing where there were too many to compare.
    pub alike: Option<u64>,
    /// What became of the questions, where a model wrote backgrounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<GenerationReport>,
}

/// One margin, table or pair.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MarginReport {
    /// The attributes; under a condition the first ones are the condition.
    pub attributes: Vec<String>,
    /// How many leading attributes are the condition.
    pub given: usize,
    /// What the counts are of: people, or the groups that share the attribute.
    pub of: String,
    /// The target is what was asked for; otherwise what attributes without any bond would have.
    pub declared: bool,
    /// The cells, the last attribute's categories fastest.
    pub cells: Vec<CellReport>,
    /// The largest difference between a count and its target.
    pub largest_miss: f64,
    /// Pearson's chi-square of the counts against the targets.
    pub chi_square: f64,
    /// Cells less one for the total, or for each total of a condition; of a pair, (rows - 1) (columns - 1).
    pub degrees_of_freedom: usize,
    /// Cells with a target of at least half a person, and nobody.
    pub empty: usize,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellReport {
    /// A category of each attribute.
    pub categories: Vec<String>,
    /// People, or groups, that there should be.
    pub target: f64,
    /// That there are.
    pub achieved: u64,
}

/// An attribute of numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NumberReport {
    /// Its name.
    pub attribute: String,
    /// The mean that its distribution has; nothing where it follows from others or keeps constraints.
    pub target_mean: Option<f64>,
    /// Mean.
    pub mean: f64,
    /// Standard deviation over the population.
    pub sd: f64,
    /// Least.
    pub min: f64,
    /// Largest.
    pub max: f64,
    /// People by value: bands of one width from `low` on; the outer ones take what lies beyond.
    pub bands: Vec<u64>,
    /// Where the bands begin.
    pub low: f64,
    /// How wide they are.
    pub width: f64,
}

/// Bands of a number are about as many.
const BANDS: f64 = 16.0;

/// Counts that grow with every portion of people.
#[derive(Debug)]
pub struct Tally<'s> {
    sampler: &'s Sampler,
    counts: Vec<Vec<u64>>,
    /// (sum, sum of squares about the first value, least, largest, first value)
    sums: Vec<[f64; 5]>,
    bands: Vec<Bands>,
    seen: u64,
    alike: Vec<u64>,
}

impl<'s> Tally<'s> {
    /// Nobody yet.
    pub fn new(sampler: &'s Sampler) -> Self {
        let counts = sampler
            .plan
            .targets
            .iter()
            .map(|target| vec![0; target.sizes.iter().product()])
            .collect();
        let none = [0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 0.0];
        Self {
            sampler,
            counts,
            sums: vec![none; sampler.plan.attributes.len()],
            bands: vec![Bands::default(); sampler.plan.attributes.len()],
            seen: 0,
            alike: Vec::new(),
        }
    }

    /// Adds people; portions come in the order of agents.
    pub fn add(&mut self, sample: &Sample) {
        for (target, counts) in self.sampler.plan.targets.iter().zip(&mut self.counts) {
            count(self.sampler, target, sample, counts);
        }
        for (column, sums) in sample.columns.iter().zip(&mut self.sums) {
            if let Values::Numbers(numbers) = column {
                if self.seen == 0 {
                    sums[4] = numbers.first().copied().unwrap_or(0.0);
                }
                for number in numbers {
                    let off = number - sums[4];
                    *sums = [
                        sums[0] + off,
                        sums[1] + off * off,
                        sums[2].min(*number),
                        sums[3].max(*number),
                        sums[4],
                    ];
                }
            }
        }
        for ((column, bands), info) in
            sample.columns.iter().zip(&mut self.bands).zip(self.sampler.columns())
        {
            if let Values::Numbers(numbers) = column {
                bands.add(numbers, info.integer);
            }
        }
        if self.sampler.size() <= ALIKE_MAX {
            self.alike.extend((0..sample.rows).map(|row| likeness(self.sampler, sample, row)));
        }
        self.seen += sample.rows as u64;
    }

    /// The report over all people added.
    pub fn finish(mut self) -> Report {
        let margins = self.sampler.plan.targets.iter().zip(&self.counts);
        let margins =
            margins.map(|(target, counts)| margin(self.sampler, target, counts)).collect();
        let numbers = (0..self.sums.len()).filter_map(|place| self.number(place)).collect();
        self.alike.sort_unstable();
        let twins = |(place, likeness): (usize, &u64)| {
            let before = place > 0 && self.alike[place - 1] == *likeness;
            before || self.alike.get(place + 1) == Some(likeness)
        };
        let alike = self.alike.iter().enumerate().filter(|pair| twins(*pair)).count() as u64;
        let alike = (self.sampler.size() <= ALIKE_MAX).then_some(alike);
        Report {
            version: REPORT_VERSION,
            size: self.seen,
            seed: self.sampler.seed(),
            margins,
            numbers,
            alike,
            generation: None,
        }
    }

    fn number(&self, place: usize) -> Option<NumberReport> {
        let [sum, squares, min, max, first] = self.sums[place];
        let attribute = &self.sampler.plan.attributes[place];
        let counted = self.seen as f64;
        let group_number =
            self.sampler.plan.groups.iter().any(|group| group.name == attribute.name);
        (max >= min && !group_number).then(|| NumberReport {
            attribute: attribute.name.clone(),
            target_mean: self.sampler.target_mean(place),
            mean: first + sum / counted,
            sd: libm::sqrt((squares / counted - (sum / counted) * (sum / counted)).max(0.0)),
            min,
            max,
            bands: self.bands[place].counts.clone(),
            low: self.bands[place].low,
            width: self.bands[place].width,
        })
    }
}

/// Numbers counted in bands of one round width, which the first agents' values span.
#[derive(Clone, Debug, Default)]
struct Bands {
    low: f64,
    width: f64,
    counts: Vec<u64>,
}

impl Bands {
    fn add(&mut self, numbers: &[f64], integer: bool) {
        if self.counts.is_empty() {
            self.span(numbers, integer);
        }
        let last = self.counts.len().saturating_sub(1) as f64;
        for number in numbers {
            let band = ((number - self.low) / self.width).clamp(0.0, last);
            self.counts[band as usize] += 1;
        }
    }

    /// Lays bands over the numbers of the first block of agents.
    fn span(&mut self, numbers: &[f64], integer: bool) {
        let first = numbers.iter().take(BLOCK).copied().filter(|number| number.is_finite());
        let least = first.clone().fold(f64::INFINITY, f64::min);
        let most = first.fold(f64::NEG_INFINITY, f64::max);
        self.width = round_up((most - least) / BANDS).max(if integer { 1.0 } else { 0.0 });
        self.low = (least / self.width).floor() * self.width;
        // Numbers further apart than numbers can be have no width.
        let bands = ((most - self.low) / self.width).floor() + 1.0;
        self.counts = vec![0; bands.clamp(1.0, 2.0 * BANDS) as usize];
    }
}

/// The least of 1, 2 and 5 times a power of ten that a width does not pass.
fn round_up(width: f64) -> f64 {
    if !(width.is_finite() && width > 0.0) {
        return 1.0;
    }
    let power = libm::pow(10.0, libm::floor(libm::log10(width)));
    let round = [1.0, 2.0, 5.0].into_iter().map(|step| step * power);
    round.into_iter().find(|round| *round >= width).unwrap_or(10.0 * power)
}

/// Everybody's report.
///
/// # Errors
/// As [`Sampler::sample`].
pub fn report(sampler: &Sampler, pool: &Pool) -> Result<Report> {
    let mut tally = Tally::new(sampler);
    for range in portions(sampler.size()) {
        tally.add(&sampler.sample(range, pool)?);
    }
    Ok(tally.finish())
}

/// Ranges of agents that fit into memory together.
pub(crate) fn portions(size: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    (0..size.div_ceil(PORTION))
        .map(move |portion| portion * PORTION..((portion + 1) * PORTION).min(size))
}

impl Sampler {
    fn target_mean(&self, place: usize) -> Option<f64> {
        self.plan.stages.iter().find_map(|stage| match stage {
            crate::stage::Stage::Number(number)
                if number.attribute == place
                    && number.given.is_none()
                    && number.constraints.is_empty() =>
            {
                Some(number.cases[0].mean(number.integer))
            }
            _ => None,
        })
    }

    fn target_group(&self, target: &Target) -> Option<usize> {
        self.plan.attributes[target.attributes[0]].group
    }
}

/// Counts people by the cells of a target; of a group's members only the one who stands for it.
fn count(sampler: &Sampler, target: &Target, sample: &Sample, counts: &mut [u64]) {
    let group = sampler.target_group(target).filter(|_| {
        target
            .attributes
            .iter()
            .all(|place| sampler.plan.attributes[*place].group == sampler.target_group(target))
    });
    let columns: Vec<&[u16]> = target
        .attributes
        .iter()
        .filter_map(|place| match &sample.columns[*place] {
            Values::Codes(codes) => Some(codes.as_slice()),
            Values::Numbers(_) | Values::Texts(_) => None,
        })
        .collect();
    for row in 0..sample.rows {
        if group.is_none_or(|group| sampler.groups[group].leads(sample.first + row as u64)) {
            counts[combination(
                columns.iter().map(|codes| usize::from(codes[row])),
                &target.sizes,
            )] += 1;
        }
    }
}

/// A digest of all attributes of an agent but the number of its group.
fn likeness(sampler: &Sampler, sample: &Sample, row: usize) -> u64 {
    let mut hash = xxhash_rust::xxh3::Xxh3Default::new();
    for (attribute, column) in sampler.plan.attributes.iter().zip(&sample.columns) {
        match column {
            Values::Codes(codes) => hash.update(&codes[row].to_le_bytes()),
            Values::Numbers(numbers)
                if sampler.plan.groups.iter().all(|group| group.name != attribute.name) =>
            {
                hash.update(&numbers[row].to_bits().to_le_bytes());
            }
            Values::Numbers(_) => {}
            Values::Texts(texts) => hash.update(texts[row].as_bytes()),
        }
    }
    hash.digest()
}

fn margin(sampler: &Sampler, target: &Target, counts: &[u64]) -> MarginReport {
    let expected = expected(target, counts);
    let group = sampler.target_group(target);
    let attributes = target
        .attributes
        .iter()
        .map(|place| sampler.plan.attributes[*place].name.clone())
        .collect();
    let named = |cell: usize| {
        let codes = categories(cell, &target.sizes);
        let names = target.attributes.iter().zip(codes).map(|(place, code)| {
            sampler.plan.attributes[*place].kind.names().unwrap_or_default()[code].clone()
        });
        names.collect()
    };
    let cells: Vec<CellReport> = expected
        .iter()
        .zip(counts)
        .enumerate()
        .map(|(cell, (target, achieved))| CellReport {
            categories: named(cell),
            target: *target,
            achieved: *achieved,
        })
        .collect();
    let off = |cell: &CellReport| cell.achieved as f64 - cell.target;
    let possible = cells.iter().filter(|cell| cell.target > 0.0);
    MarginReport {
        attributes,
        given: target.given,
        of: group
            .map_or_else(|| "people".to_owned(), |group| sampler.plan.groups[group].name.clone()),
        declared: target.shares.is_some(),
        largest_miss: cells.iter().map(|cell| off(cell).abs()).fold(0.0, f64::max),
        chi_square: possible.clone().map(|cell| off(cell) * off(cell) / cell.target).sum(),
        degrees_of_freedom: degrees_of_freedom(target, &expected),
        empty: cells.iter().filter(|cell| cell.target >= 0.5 && cell.achieved == 0).count(),
        cells,
    }
}

/// What of the counts is free: of a pair against independence, whose margins are those that came out, one less of
/// each attribute; else the cells that can have somebody, less one for each total that is given.
fn degrees_of_freedom(target: &Target, expected: &[f64]) -> usize {
    let possible = |cells: &[f64]| cells.iter().filter(|cell| **cell > 0.0).count();
    let width = target.sizes[target.given..].iter().product::<usize>().max(1);
    if target.shares.is_some() {
        return expected.chunks(width).map(|row| possible(row).saturating_sub(1)).sum();
    }
    let width = target.sizes[1].max(1);
    let rows = expected.chunks(width).filter(|row| possible(row) > 0).count();
    let columns = expected.chunks(width).map(possible).max().unwrap_or(0);
    rows.saturating_sub(1) * columns.saturating_sub(1)
}

/// The counts that there should be: shares of all, or of the achieved count of their condition.
fn expected(target: &Target, counts: &[u64]) -> Vec<f64> {
    let total: u64 = counts.iter().sum();
    match &target.shares {
        Some(shares) => {
            let width = target.sizes[target.given..].iter().product::<usize>();
            let rows = shares.chunks(width).zip(counts.chunks(width));
            rows.flat_map(|(shares, counts)| {
                let total: u64 = counts.iter().sum();
                shares.iter().map(move |share| share * total as f64)
            })
            .collect()
        }
        None => {
            let width = target.sizes[1];
            let row =
                |cell: usize| counts[cell / width * width..][..width].iter().sum::<u64>() as f64;
            let column =
                |cell: usize| counts.iter().skip(cell % width).step_by(width).sum::<u64>() as f64;
            (0..counts.len())
                .map(|cell| row(cell) * column(cell) / (total as f64).max(1.0))
                .collect()
        }
    }
}

/// A number with three digits after the point, none where it is whole.
fn shown(number: f64) -> String {
    if number.fract().abs() > 0.0 { format!("{number:.3}") } else { number.to_string() }
}

/// Cells of a margin that the text shows; the JSON has all.
const CELLS_SHOWN: usize = 24;

impl Report {
    /// The report as text for a terminal.
    pub fn to_text(&self) -> String {
        let mut text = format!("{} people, seed {}\n", self.size, self.seed);
        for margin in &self.margins {
            let (condition, of) = margin.attributes.split_at(margin.given);
            let given = if condition.is_empty() {
                String::new()
            } else {
                format!(" given {}", condition.join(" and "))
            };
            let kind = if margin.declared { "" } else { ", against independence" };
            let _ = writeln!(
                text,
                "\n{}{given} (counts of {}{kind}): largest miss {:.1}, chi-square {:.3} with {} degrees of freedom, {} empty",
                of.join(" × "),
                margin.of,
                margin.largest_miss,
                margin.chi_square,
                margin.degrees_of_freedom,
                margin.empty
            );
            let _ = writeln!(text, "  {:<40} {:>14} {:>12}", "", "target", "achieved");
            for cell in margin.cells.iter().take(CELLS_SHOWN) {
                let _ = writeln!(
                    text,
                    "  {:<40} {:>14.1} {:>12}",
                    cell.categories.join(" · "),
                    cell.target,
                    cell.achieved
                );
            }
            if margin.cells.len() > CELLS_SHOWN {
                let _ = writeln!(text, "  and {} more", margin.cells.len() - CELLS_SHOWN);
            }
        }
        for number in &self.numbers {
            let target =
                number.target_mean.map(|mean| format!(" (target {mean:.3})")).unwrap_or_default();
            let _ = writeln!(
                text,
                "\n{}: mean {:.3}{target}, sd {:.3}, from {} to {}",
                number.attribute,
                number.mean,
                number.sd,
                shown(number.min),
                shown(number.max)
            );
        }
        match self.alike {
            Some(alike) => {
                _ = writeln!(
                    text,
                    "\n{alike} people have another one like them in every attribute"
                );
            }
            None => text.push_str("\npeople alike were not counted: there are too many\n"),
        }
        if let Some(generation) = &self.generation {
            let _ = write!(text, "\n{}", generation.to_text());
        }
        text
    }

    /// The report as JSON.
    ///
    /// # Panics
    /// Never: the form holds text and finite numbers.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("text and numbers are JSON")
    }
}
