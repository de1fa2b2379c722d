//! Whole specifications: counts, purity, ranges, and what is refused.

use proptest::prelude::*;
use throng_engine::Pool;

use crate::*;

const CITY: &str = r#"
size = 5000
seed = 3

[[attribute]]
name = "gender"
categories = [{ name = "female", share = 0.51 }, { name = "male", share = 0.49 }]

[[attribute]]
name = "age"
integer = true
normal = { mean = 45, sd = 18, min = 18, max = 90 }

[[attribute]]
name = "age_band"
bands = { of = "age", cuts = [30, 60], names = ["young", "middle", "old"] }

[[attribute]]
name = "education"
categories = ["school", "college", "doctor"]

[[attribute]]
name = "region"
categories = [{ name = "north", share = 0.3, set = { climate = "cold", rain_days = 180 } }, { name = "south", share = 0.7, set = { climate = "warm", rain_days = 90 } }]

[[attribute]]
name = "job"
categories = ["clerk", "nurse"]

[[attribute]]
name = "income"
given = { attribute = "education", cases = { school = { lognormal = { median = 20000, sigma = 0.4 } }, college = { lognormal = { median = 30000, sigma = 0.4 } }, doctor = { lognormal = { median = 50000, sigma = 0.4 } } } }

[[attribute]]
name = "formal"
derived = "education == 'doctor' or job == 'clerk'"

[[attribute]]
name = "birthday"
date = { from = "2000-01-01", to = "2000-12-31" }

[[attribute]]
name = "name"
person = { by = "gender", female = ["female"], male = ["male"] }

[[table]]
given = ["age_band", "gender"]
of = ["education"]
values = [[0.5, 0.4, 0.1], [0.6, 0.3, 0.1], [0.4, 0.4, 0.2], [0.4, 0.4, 0.2], [0.8, 0.1, 0.1], [0.7, 0.2, 0.1]]

[[table]]
of = ["region", "job"]
values = [[10, 20], [40, 30]]
"#;

fn city() -> Spec {
    Spec::parse(CITY).unwrap()
}

fn sampler(spec: &Spec) -> Sampler {
    Sampler::new(spec, &Source::new("."), None, None, &Pool::new(2)).unwrap()
}

fn problems(text: &str) -> Vec<Problem> {
    let spec = Spec::parse(text).unwrap();
    match Sampler::new(&spec, &Source::new("."), None, None, &Pool::new(1)) {
        Err(Error::Problems(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

fn refused(text: &str, key: &str, words: &str) {
    let problems = problems(text);
    let found = problems
        .iter()
        .any(|problem| problem.key.starts_with(key) && problem.message.contains(words));
    assert!(found, "{problems:#?}");
}

fn column(sampler: &Sampler, sample: &Sample, name: &str) -> Values {
    let place = sampler.columns().position(|column| column.name == name).unwrap();
    sample.columns[place].clone()
}

fn counts(sampler: &Sampler, sample: &Sample, name: &str) -> Vec<usize> {
    let place = sampler.columns().position(|column| column.name == name).unwrap();
    let names = sampler.columns().nth(place).unwrap().categories.unwrap().len();
    let Values::Codes(codes) = &sample.columns[place] else { panic!("{name}") };
    (0..names).map(|name| codes.iter().filter(|code| usize::from(**code) == name).count()).collect()
}

#[test]
fn a_city_has_the_counts_that_it_was_asked_for() {
    let sampler = sampler(&city());
    let all = sampler.sample(0..5000, &Pool::new(2)).unwrap();
    assert_eq!(counts(&sampler, &all, "gender"), [2550, 2450]);
    let region = counts(&sampler, &all, "region");
    assert!(region[0].abs_diff(1500) <= 2, "{region:?}");
    let Values::Numbers(ages) = column(&sampler, &all, "age") else { panic!() };
    assert!(ages.iter().all(|age| (18.0..=90.0).contains(age) && age.fract() == 0.0));
    let Values::Texts(names) = column(&sampler, &all, "name") else { panic!() };
    assert!(names.iter().all(|name| name.contains(' ')));
    let climate = counts(&sampler, &all, "climate");
    assert_eq!(climate, region);
}

#[test]
fn a_conditional_table_is_kept_to_within_one_per_cell() {
    let sampler = sampler(&city());
    let all = sampler.sample(0..5000, &Pool::new(2)).unwrap();
    let [Values::Codes(band), Values::Codes(gender), Values::Codes(education)] =
        ["age_band", "gender", "education"].map(|name| column(&sampler, &all, name))
    else {
        panic!()
    };
    let shares = [
        [0.5, 0.4, 0.1],
        [0.6, 0.3, 0.1],
        [0.4, 0.4, 0.2],
        [0.4, 0.4, 0.2],
        [0.8, 0.1, 0.1],
        [0.7, 0.2, 0.1],
    ];
    for (row, shares) in shares.iter().enumerate() {
        let here = |agent: &usize| usize::from(band[*agent] * 2 + gender[*agent]) == row;
        let agents: Vec<usize> = (0..5000).filter(here).collect();
        for (code, share) in shares.iter().enumerate() {
            let count =
                agents.iter().filter(|agent| usize::from(education[**agent]) == code).count();
            assert!((count as f64 - share * agents.len() as f64).abs() <= 1.0 + 1e-6);
        }
    }
}

#[test]
fn another_attribute_moves_no_other() {
    let spec = city();
    let before = sampler(&spec);
    let mut more = spec.clone();
    let shares = |name: &str, share| Category {
        name: name.to_owned(),
        share: Some(share),
        ..Category::default()
    };
    let added = Attribute {
        name: "mood".to_owned(),
        categories: Some(vec![shares("good", 0.5), shares("bad", 0.5)]),
        ..Attribute::default()
    };
    more.attributes.insert(0, added);
    let after = sampler(&more);
    let pool = Pool::new(1);
    let (old, new) =
        (before.sample(0..5000, &pool).unwrap(), after.sample(0..5000, &pool).unwrap());
    for info in before.columns() {
        assert_eq!(
            column(&before, &old, info.name),
            column(&after, &new, info.name),
            "{}",
            info.name
        );
    }
}

#[test]
fn constraints_hold_for_everyone() {
    let text = r#"
size = 2000
[[attribute]]
name = "age"
integer = true
uniform = { min = 0, max = 90 }
[[attribute]]
name = "married"
categories = [{ name = "yes", share = 0.4 }, { name = "no", share = 0.6 }]
[[attribute]]
name = "ring"
categories = [{ name = "ring", share = 0.3 }, { name = "none", share = 0.7 }]
[[constraint]]
require = "age >= 18 or married == 'no'"
[[constraint]]
require = "married == 'yes' or ring == 'none'"
"#;
    let sampler = sampler(&Spec::parse(text).unwrap());
    let all = sampler.sample(0..2000, &Pool::new(2)).unwrap();
    assert_eq!(counts(&sampler, &all, "married"), [800, 1200]);
    assert!(counts(&sampler, &all, "ring")[0].abs_diff(600) <= 1);
    let [Values::Numbers(age), Values::Codes(married), Values::Codes(ring)] =
        ["age", "married", "ring"].map(|name| column(&sampler, &all, name))
    else {
        panic!()
    };
    assert!((0..2000).all(|agent| age[agent] >= 18.0 || married[agent] == 1));
    assert!((0..2000).all(|agent| married[agent] == 0 || ring[agent] == 1));
}

#[test]
fn households_share_what_they_should() {
    let text = r#"
size = 1000
[[attribute]]
name = "region"
categories = [{ name = "a", share = 0.5 }, { name = "b", share = 0.5 }]
[[group]]
name = "household"
sizes = [{ members = 1, share = 0.4 }, { members = 3, share = 0.6 }]
shared = ["region"]
"#;
    let sampler = sampler(&Spec::parse(text).unwrap());
    let all = sampler.sample(0..1000, &Pool::new(2)).unwrap();
    let [Values::Numbers(household), Values::Codes(region)] =
        ["household", "region"].map(|name| column(&sampler, &all, name))
    else {
        panic!()
    };
    for agent in 0..1000 {
        for other in 0..agent {
            assert!(
                household[agent].to_bits() != household[other].to_bits()
                    || region[agent] == region[other]
            );
        }
    }
}

#[test]
fn existing_people_are_drawn_by_weight_and_fitted() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), "sex,age,w\nf,30,1\nf,40,1\nm,50,2\n")
        .unwrap();
    let text = r#"
size = 1000
people = { file = "people.csv", weight = "w" }
[[attribute]]
name = "sex"
column = {}
[[attribute]]
name = "age"
column = { number = true }
[[table]]
of = ["sex"]
values = [[0.6, 0.4]]
"#;
    let spec = Spec::parse(text).unwrap();
    let sampler =
        Sampler::new(&spec, &Source::new(folder.path()), None, None, &Pool::new(1)).unwrap();
    let all = sampler.sample(0..1000, &Pool::new(1)).unwrap();
    assert_eq!(counts(&sampler, &all, "sex"), [600, 400]);
    let Values::Numbers(ages) = column(&sampler, &all, "age") else { panic!() };
    assert_eq!(ages.iter().filter(|age| **age < 35.0).count(), 300);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_range_is_what_the_whole_has_there(start in 0_u64..9_000, length in 0_u64..6_000, seed in any::<u64>()) {
        let spec = city();
        let pool = Pool::new(2);
        let sampler = Sampler::new(&spec, &Source::new("."), Some(10_000), Some(seed), &pool).unwrap();
        let end = (start + length).min(10_000);
        let all = sampler.sample(0..10_000, &Pool::new(1)).unwrap();
        let some = sampler.sample(start..end, &pool).unwrap();
        prop_assert_eq!(some.rows as u64, end - start);
        for (whole, part) in all.columns.iter().zip(&some.columns) {
            let rows = start as usize..end as usize;
            let same = match (whole, part) {
                (Values::Numbers(whole), Values::Numbers(part)) => whole[rows].iter().zip(part).all(|(a, b)| a.to_bits() == b.to_bits()),
                (Values::Codes(whole), Values::Codes(part)) => whole[rows] == part[..],
                (Values::Texts(whole), Values::Texts(part)) => whole[rows] == part[..],
                (_, part) => part.is_empty() && rows.is_empty(),
            };
            prop_assert!(same);
        }
    }

    #[test]
    fn no_margin_misses_by_more_than_its_cells(
        size in 1_u64..3_000,
        seed in any::<u64>(),
        weights in prop::collection::vec(0.01..1.0_f64, 12),
    ) {
        let names = |count: usize| (0..count).map(|name| Category { name: format!("c{name}"), ..Category::default() }).collect::<Vec<_>>();
        let attribute = |name: &str, count| Attribute { name: name.to_owned(), categories: Some(names(count)), ..Attribute::default() };
        let table = TableSpec { of: vec!["a".to_owned(), "b".to_owned()], values: weights.chunks(4).map(<[f64]>::to_vec).collect(), ..TableSpec::default() };
        let spec = Spec { size, attributes: vec![attribute("a", 3), attribute("b", 4)], tables: vec![table], ..Spec::default() };
        let pool = Pool::new(1);
        let sampler = Sampler::new(&spec, &Source::new("."), None, Some(seed), &pool).unwrap();
        let all = sampler.sample(0..size, &pool).unwrap();
        let total: f64 = weights.iter().sum();
        for (place, count) in counts(&sampler, &all, "b").into_iter().enumerate() {
            let share: f64 = weights.iter().skip(place).step_by(4).sum::<f64>() / total;
            prop_assert!((count as f64 - share * size as f64).abs() <= 3.0 + 1e-6);
        }
    }
}

const TWO: &str = "[[attribute]]\nname = \"a\"\ncategories = [{ name = \"x\", share = 0.5 }, { name = \"y\", share = 0.5 }]\n[[attribute]]\nname = \"b\"\ncategories = [{ name = \"u\", share = 0.5 }, { name = \"v\", share = 0.5 }]\n";

fn two(rest: &str) -> String {
    format!("size = 100\n{TWO}{rest}")
}

#[test]
fn shares_that_make_no_sense_are_refused() {
    let with = |x: &str, y: &str| {
        format!(
            "size = 10\n[[attribute]]\nname = \"a\"\ncategories = [{{ name = \"x\", share = {x} }}, {{ name = \"y\", share = {y} }}]\n"
        )
    };
    refused(&with("0.5", "0.7"), "attribute.0.categories", "sum to 1.2");
    refused(&with("-0.5", "1.5"), "attribute.0.categories.0.share", "-0.5");
    refused(&with("nan", "0.5"), "attribute.0.categories.0.share", "NaN");
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    refused(&two("").replace("size = 100", "size = 0"), "size", "a population of 0");
    refused(&two("").replace("size = 100", "size = 5000000000"), "size", "5000000000");
    // A thousand million people are a population, and nobody has to store them.
    let spec = Spec::parse(&two("").replace("size = 100", "size = 1000000000")).unwrap();
    let last = sampler(&spec).sample(999_999_990..1_000_000_000, &Pool::new(1)).unwrap();
    assert_eq!(last.rows, 10);
}

#[test]
fn tables_that_make_no_sense_are_refused() {
    refused(
        &two("[[table]]\nof = [\"a\", \"c\"]\nvalues = [[1]]\n"),
        "table.0",
        "no attribute `c`",
    );
    refused(&two("[[table]]\nof = [\"a\", \"b\"]\nvalues = [[1, 2]]\n"), "table.0.values", "[2]");
    refused(&two("[[table]]\nof = [\"a\", \"b\"]\nvalues = [[1, 2], [-1, 2]]\n"), "table.0", "-1");
    refused(
        &two("[[table]]\nof = [\"a\", \"b\"]\nvalues = [[9, 1], [9, 1]]\n"),
        "",
        "must have a share of 0.5",
    );
    refused(
        &two("[[table]]\nof = [\"a\", \"b\"]\nrole = \"seed\"\nvalues = [[0, 0], [9, 1]]\n"),
        "attribute.0.categories",
        "nobody can be there",
    );
    refused(
        &two("[[table]]\nof = [\"a\", \"b\"]\nfile = \"gone.csv\"\n"),
        "table.0.file",
        "gone.csv",
    );
}

#[test]
fn table_files_are_checked_against_the_attributes() {
    let folder = tempfile::tempdir().unwrap();
    let check = |bytes: &[u8], words: &str| {
        std::fs::write(folder.path().join("t.csv"), bytes).unwrap();
        let spec = Spec::parse(&two("[[table]]\nof = [\"a\", \"b\"]\nfile = \"t.csv\"\n")).unwrap();
        let found = Sampler::new(&spec, &Source::new(folder.path()), None, None, &Pool::new(1))
            .unwrap_err()
            .to_string();
        assert!(found.contains(words), "{found}");
    };
    check(b"a,b,count\nx,u,1\nx,v,1\n", "has no row for `a` = `y`");
    check(b"a,b,count\nx,u,1\nz,v,1\n", "`a` has no category `z`");
    check(b"a,b,count\nx,u,many\ny,v,1\n", "row 1: `many` is no number");
    check(b"a,b,n\nx,u,1\n", "no column `count`");
    check(b"a,b,count\nx,\xff,1\n", "not UTF-8");
    check(b"a,b,count\nx,u\n", "2 values");
}

#[test]
fn circles_are_named() {
    let text = "size = 9\n[[attribute]]\nname = \"a\"\nderived = \"b + 1\"\n[[attribute]]\nname = \"b\"\nderived = \"c + 1\"\n[[attribute]]\nname = \"c\"\nderived = \"a + 1\"\n";
    refused(text, "attribute.0", "a → b → c → a");
}

#[test]
fn constraints_that_cannot_hold_are_refused() {
    refused(&two("[[constraint]]\nrequire = \"a == 'z'\"\n"), "constraint.0", "nobody can meet it");
    refused(&two("[[constraint]]\nrequire = \"a == 'x'\"\n"), "attribute.0", "nobody can be there");
    refused(&two("[[constraint]]\nrequire = \"q > 1\"\n"), "constraint.0", "no attribute `q`");
    refused(&two("[[constraint]]\nrequire = \"a ==\"\n"), "constraint.0", "syntax");
    let text = "size = 9\n[[attribute]]\nname = \"age\"\nuniform = { min = 0, max = 1 }\n[[constraint]]\nrequire = \"age > 2\"\n";
    let sampler = sampler(&Spec::parse(text).unwrap());
    let error = sampler.sample(0..9, &Pool::new(1)).unwrap_err().to_string();
    assert!(error.contains("agent 0") && error.contains("age > 2"), "{error}");
}

#[test]
fn names_that_cannot_be_columns_are_refused() {
    refused(
        &two("").replace("name = \"a\"", "name = \"Age!\""),
        "attribute.0.name",
        "cannot be a column",
    );
    refused(&two("").replace("name = \"a\"", "name = \"b\""), "attribute.1.name", "declared twice");
    refused(
        &two("").replace("name = \"a\"", "name = \"agent\""),
        "attribute.0.name",
        "column of every run",
    );
}

#[test]
fn an_unknown_key_is_refused_with_its_place() {
    let error = Spec::parse("size = 1\n[[attribute]]\nname = \"a\"\nnormall = 3\n").unwrap_err();
    let Error::Form { message, span, .. } = error else { panic!() };
    assert!(message.contains("normall") && span.is_some(), "{message}");
}

#[test]
fn shipped_populations_fit_and_have_backgrounds() {
    for shipped in SHIPPED {
        let spec = Spec::parse(shipped.text).unwrap();
        let pool = Pool::new(2);
        let sampler = Sampler::new(&spec, &shipped.source(), None, None, &pool)
            .unwrap_or_else(|e| panic!("{}: {e}", shipped.name));
        let sample = sampler.sample(0..sampler.size(), &pool).unwrap();
        let texts = Backgrounds::new(&spec, &shipped.source(), &sampler)
            .unwrap()
            .write(&sampler, &sample, &pool)
            .unwrap();
        assert!(texts.iter().all(|text| text.len() > 20 && !text.contains("  ")), "{}", texts[0]);
        let report = report(&sampler, &pool).unwrap();
        assert_eq!(report.size, spec.size);
        for margin in report.margins.iter().filter(|margin| margin.declared) {
            assert!(
                margin.largest_miss <= 2.0 && margin.empty == 0,
                "{}: {margin:?}",
                shipped.name
            );
        }
    }
}

#[test]
fn the_shipped_groups_of_two_hundred_are_exact() {
    for (name, attribute, groups) in
        [("education", "education", 5), ("occupations", "occupation", 6)]
    {
        let shipped = shipped(name).unwrap();
        let spec = Spec::parse(shipped.text).unwrap();
        let sampler = sampler(&spec);
        let all = sampler.sample(0..spec.size, &Pool::new(1)).unwrap();
        assert_eq!(counts(&sampler, &all, attribute), vec![200; groups]);
    }
}

#[test]
fn another_language_is_another_template() {
    let shipped = shipped("occupations").unwrap();
    let text =
        shipped.text.replace("share = 1.0", "share = 0.5").replace("share = 0.0", "share = 0.5");
    let spec = Spec::parse(&text).unwrap();
    let pool = Pool::new(1);
    let sampler = Sampler::new(&spec, &shipped.source(), None, None, &pool).unwrap();
    let sample = sampler.sample(0..1200, &pool).unwrap();
    let texts = Backgrounds::new(&spec, &shipped.source(), &sampler)
        .unwrap()
        .write(&sampler, &sample, &pool)
        .unwrap();
    assert_eq!(texts.iter().filter(|text| text.starts_with("Sie heißen")).count(), 600);
}

fn backgrounds(text: &str) -> Result<Vec<String>> {
    let spec = Spec::parse(&two(text)).unwrap();
    let (source, pool) = (Source::new("."), Pool::new(1));
    let sampler = Sampler::new(&spec, &source, None, None, &pool)?;
    Backgrounds::new(&spec, &source, &sampler)?.write(
        &sampler,
        &sampler.sample(0..100, &pool)?,
        &pool,
    )
}

#[test]
fn templates_that_fail_say_where() {
    let error = |text: &str| backgrounds(text).unwrap_err().to_string();
    let unknown = error("[[background]]\ntext = \"You.\\nAre {{ aa }}.\"\n");
    assert!(unknown.contains("line 2") && unknown.contains("no attribute `aa`"), "{unknown}");
    let endless = error(
        "[[background]]\ntext = \"{% for i in range(9999) %}{% for j in range(9999) %}x{% endfor %}{% endfor %}\"\n",
    );
    assert!(endless.contains("does not end"), "{endless}");
    assert!(error("[[background]]\ntext = \"{% if %}\"\n").contains("line 1"));
    assert!(error("[[background]]\nfile = \"gone.j2\"\n").contains("gone.j2"));
    assert!(
        error("[[background]]\ntext = \"hello\"\nwhen = { a = \"z\" }\n").contains("no `a` = `z`")
    );
    assert!(
        error("[[background]]\ntext = \"hello\"\nwhen = { a = \"x\" }\n").contains("no wording")
    );
}

#[test]
fn wordings_are_drawn_per_agent_by_weight() {
    let texts = backgrounds("[[background]]\ntext = \"I am {{ a }}.\"\nweight = 3\n[[background]]\ntext = \"{{ b }} here.\"\n").unwrap();
    let first = texts.iter().filter(|text| text.starts_with("I am")).count();
    assert!((60..90).contains(&first), "{first}");
}

#[test]
fn a_population_is_written_reported_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("of/people");
    let shipped = shipped("education").unwrap();
    let (spec, source, pool) = (Spec::parse(shipped.text).unwrap(), shipped.source(), Pool::new(2));
    let sampler = Sampler::new(&spec, &source, None, None, &pool).unwrap();
    let write = || {
        let page = |report: &Report| format!("<p>{}", report.size);
        let wordings = Backgrounds::new(&spec, &source, &sampler).unwrap();
        write_population(&out, &spec, &sampler, Words::Wordings(&wordings), &pool, &page)
    };
    let report = write().unwrap();
    assert!(write().is_err(), "a directory is never written twice");
    let left: Vec<_> = std::fs::read_dir(folder.path().join("of")).unwrap().collect();
    assert_eq!(left.len(), 1, "nothing unfinished stays");
    let found = PopulationDir::open(&out).unwrap();
    assert_eq!(found.record.size, 1000);
    let names = ["agent", "education", "gender", "age_group", "age", "name", "background"];
    let table = found.people().unwrap();
    assert_eq!(
        table.columns().iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
        names
    );
    let sample = sampler.sample(0..1000, &pool).unwrap();
    let texts = Backgrounds::new(&spec, &source, &sampler).unwrap();
    let texts = texts.write(&sampler, &sample, &pool).unwrap();
    for (row, text) in texts.iter().enumerate() {
        assert_eq!(table.column("background").unwrap().values.text(row), Some(text.as_str()));
    }
    assert_eq!(std::fs::read_to_string(out.join("report/report.html")).unwrap(), "<p>1000");
    assert!(report.to_text().contains("largest miss 0.0"), "{}", report.to_text());
    std::fs::write(found.files().next().unwrap(), b"other bytes").unwrap();
    assert!(PopulationDir::open(&out).is_err());
}

#[test]
fn a_population_that_cannot_be_finished_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (source, pool) = (Source::new("."), Pool::new(1));
    let spec = Spec::parse(&two("[[background]]\ntext = \"{{ 1 / 0 }}\"\n")).unwrap();
    let sampler = Sampler::new(&spec, &source, None, None, &pool).unwrap();
    let out = folder.path().join("people");
    let page = |_: &Report| String::new();
    let wordings = Backgrounds::new(&spec, &source, &sampler).unwrap();
    let words = Words::Wordings(&wordings);
    assert!(write_population(&out, &spec, &sampler, words, &pool, &page).is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_decides_the_people_decides_their_digest() {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::new(folder.path());
    let spec = Spec::parse(&two("[[background]]\nfile = \"a.j2\"\n")).unwrap();
    assert!(digest(&spec, &source, 5, 1).is_err(), "a file is missing");
    std::fs::write(folder.path().join("a.j2"), "one").unwrap();
    let first = digest(&spec, &source, 5, 1).unwrap();
    assert_eq!(first, digest(&spec, &source, 5, 1).unwrap());
    assert_ne!(first, digest(&spec, &source, 6, 1).unwrap());
    assert_ne!(first, digest(&spec, &source, 5, 2).unwrap());
    std::fs::write(folder.path().join("a.j2"), "two").unwrap();
    assert_ne!(first, digest(&spec, &source, 5, 1).unwrap());
}

#[test]
fn a_pair_is_judged_by_its_free_cells_and_numbers_by_bands() {
    let text =
        "pair = [[\"a\", \"b\"]]\n[[attribute]]\nname = \"n\"\nuniform = { min = 0, max = 16 }\n";
    let text = format!("size = 16000\n{text}\n{TWO}");
    let report = report(&sampler(&Spec::parse(&text).unwrap()), &Pool::new(2)).unwrap();
    let pair = report.margins.iter().find(|margin| !margin.declared).unwrap();
    assert_eq!(pair.degrees_of_freedom, 1);
    assert!(report.margins.iter().filter(|m| m.declared).all(|m| m.degrees_of_freedom == 1));
    let number = &report.numbers[0];
    assert_eq!((number.bands.len(), number.bands.iter().sum::<u64>()), (16, 16_000));
    assert!((number.low, number.width) == (0.0, 1.0), "{number:?}");
    assert!(number.bands.iter().all(|count| count.abs_diff(1_000) <= 20), "{:?}", number.bands);
}

#[test]
fn numbers_without_a_width_are_counted_too() {
    for distribution in
        ["uniform = { min = 7, max = 7 }", "uniform = { min = -1e308, max = 1e308 }"]
    {
        let text = format!("size = 50\n[[attribute]]\nname = \"n\"\n{distribution}\n");
        let report = report(&sampler(&Spec::parse(&text).unwrap()), &Pool::new(1)).unwrap();
        assert_eq!(report.numbers[0].bands.iter().sum::<u64>(), 50, "{distribution}");
    }
}

/// The digest of the people of each shipped population. It changes only when other people come out.
#[test]
fn golden_digests_of_shipped_populations() {
    let digest = |shipped: &Shipped, threads| {
        let spec = Spec::parse(shipped.text).unwrap();
        let pool = Pool::new(threads);
        let sampler = Sampler::new(&spec, &shipped.source(), None, None, &pool).unwrap();
        let mut hash = xxhash_rust::xxh3::Xxh3Default::new();
        for column in sampler.sample(0..spec.size, &pool).unwrap().columns {
            match column {
                Values::Codes(codes) => {
                    codes.iter().for_each(|code| hash.update(&code.to_le_bytes()));
                }
                Values::Numbers(numbers) => {
                    numbers.iter().for_each(|number| hash.update(&number.to_bits().to_le_bytes()));
                }
                Values::Texts(texts) => texts.iter().for_each(|text| hash.update(text.as_bytes())),
            }
        }
        format!("{}: {:016x}", shipped.name, hash.digest())
    };
    let digests: Vec<String> = SHIPPED.iter().map(|shipped| digest(shipped, 1)).collect();
    let parallel: Vec<String> = SHIPPED.iter().map(|shipped| digest(shipped, 7)).collect();
    assert_eq!(digests, parallel);
    insta::assert_snapshot!(digests.join("\n"));
}

#[test]
fn the_example_of_the_documentation_is_a_population() {
    let page = include_str!("../../docs/populations.md");
    let (_, page) = page.split_once("## A complete example").unwrap();
    let (_, rest) = page.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let spec = Spec::parse(text).unwrap();
    let (source, pool) = (Source::new("."), Pool::new(2));
    let sampler = Sampler::new(&spec, &source, Some(3_000), None, &pool).unwrap();
    let sample = sampler.sample(0..3_000, &pool).unwrap();
    let texts = Backgrounds::new(&spec, &source, &sampler)
        .unwrap()
        .write(&sampler, &sample, &pool)
        .unwrap();
    assert_eq!(texts.len(), 3_000);
    for margin in report(&sampler, &pool).unwrap().margins.iter().filter(|margin| margin.declared) {
        assert!(margin.largest_miss <= margin.cells.len() as f64, "{margin:?}");
    }
}
