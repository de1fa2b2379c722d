//! Pictures are well-formed, say what they show, and are drawn from anything.

use super::*;

fn small() -> Histogram {
    Histogram {
        title: "round 1 of <2>".to_owned(),
        low: 0.0,
        high: 100.0,
        counts: vec![4, 10, 0, 1],
        marks: vec![("mean".to_owned(), 36.7), ("target".to_owned(), 24.5)],
    }
}

/// Tags open and close in order; attributes and text hold no stray markup.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag ends");
        assert!(!text.contains('>') && !tag.contains("NaN") && !tag.contains("inf"), "{piece}");
        let name = tag.split_whitespace().next().expect("a tag has a name");
        if let Some(closed) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(closed));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn a_histogram_shows_bins_and_marks() {
    let svg = histogram(&small());
    assert_well_formed(&svg);
    assert!(svg.contains("round 1 of &lt;2&gt;"));
    assert!(svg.contains("mean 36.70") && svg.contains("target 24.50"));
    assert_eq!(svg.matches(SKY).count(), 4);
    assert_eq!(svg, histogram(&small()), "pictures of the same are the same");
}

#[test]
fn bars_tell_ranges_shares_and_marks() {
    insta::assert_snapshot!(bars(&small(), 20).join("\n"), @r"
      0 to  25  26.7% ████████  < target
     25 to  50  66.7% ████████████████████  < mean
     50 to  75   0.0%
     75 to 100   6.7% ██
    ");
}

#[test]
fn convergence_breaks_lines_where_values_are_missing() {
    let plot = Convergence {
        title: "five rounds".to_owned(),
        rounds: vec![1, 2, 3, 4, 5],
        lines: vec![("mean".to_owned(), vec![Some(37.0), Some(25.0), None, Some(12.0), Some(8.0)])],
        band: Some(("p10 to p90".to_owned(), vec![Some((1.0, 80.0)); 5])),
    };
    let svg = convergence(&plot);
    assert_well_formed(&svg);
    assert!(svg.contains("<polygon"));
    let lines = svg.lines().filter(|line| line.contains("stroke-width") && line.contains(BLACK));
    assert_eq!(lines.count(), 3, "two parts of the line and its legend");
}

#[test]
fn groups_are_drawn_one_below_the_other() {
    let many: Vec<_> = (0..60)
        .map(|group| (format!("model:{group}"), [1.0, 2.0, 3.0, 4.0, f64::from(group)]))
        .collect();
    let plot = Groups { title: "groups".to_owned(), about: "median".to_owned(), spreads: many };
    let svg = groups(&plot);
    assert_well_formed(&svg);
    assert!(svg.contains("40 of 60 groups"));
}

#[test]
fn nothing_at_all_can_be_drawn() {
    let empty = Histogram { counts: Vec::new(), marks: Vec::new(), ..small() };
    assert_well_formed(&histogram(&empty));
    assert!(bars(&empty, 20).is_empty());
    assert_well_formed(&histogram(&Histogram { counts: vec![0; 3], ..small() }));
    assert_well_formed(&convergence(&Convergence::default()));
    let none = Groups { title: String::new(), about: String::new(), spreads: Vec::new() };
    assert_well_formed(&groups(&none));
}

#[test]
fn long_runs_are_sampled_from_the_first_to_the_last_round() {
    let places = sample(1_000_000);
    assert_eq!((places.len(), places[0], places[999]), (1_000, 0, 999_999));
    assert_eq!(sample(3), [0, 1, 2]);
}

#[test]
fn a_margin_shows_counts_and_targets_of_any_size() {
    let rows = |n: usize| {
        (0..n).map(|row| (format!("<{row}>"), (row % 2 == 0).then_some(10.0), row as u64)).collect()
    };
    for n in [0, 1, 3, 500] {
        let plot = Margin { title: "a × b".to_owned(), about: "fits".to_owned(), rows: rows(n) };
        let svg = margin(&plot, "-7");
        assert_well_formed(&svg);
        assert!(svg.contains("id=\"title-7\"") && svg.contains(&format!("of {n} categories")));
        assert_eq!(svg.matches(SKY).count(), n.min(40));
    }
}
