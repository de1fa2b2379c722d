//! Scenarios stay small: the lines of code of each, all its files together.

use std::collections::BTreeMap;

use crate::files::File;

/// Where scenarios lie, each in a folder.
const FOLDER: &str = "scenarios/src/";

/// Lines of code of a scenario. Blank lines, comments and imports are not counted, nor are tests and policies: what
/// answers instead of a model says nothing of the scenario.
const LINES_MAX: usize = 149;

/// Scenarios with more lines, each with the most that it may have: they may shrink and must not grow.
const LARGER: [(&str, usize); 6] = [
    ("auction", 214),
    ("chat_room", 196),
    ("epidemic", 180),
    ("guessing_game", 1_014),
    ("opinions", 271),
    ("town", 418),
];

/// What is wrong with the sizes of the scenarios among some files.
pub(crate) fn findings(files: &[&File], is_test: impl Fn(&str) -> bool) -> Vec<String> {
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_rust() && !is_test(&file.path)) {
        let Some((scenario, part)) =
            file.path.strip_prefix(FOLDER).and_then(|rest| rest.split_once('/'))
        else {
            continue;
        };
        let counted = if is_policy(part) { 0 } else { lines_of_code(&file.text) };
        *lines.entry(scenario).or_default() += counted;
    }
    let wrong = |(scenario, found): (&str, usize)| {
        let larger = LARGER.iter().find(|(name, _)| *name == scenario).map(|(_, most)| *most);
        match larger {
            None if found > LINES_MAX => {
                Some(format!("{FOLDER}{scenario}: {found} lines of code, the limit is {LINES_MAX}"))
            }
            Some(most) if found > most => Some(format!(
                "{FOLDER}{scenario}: {found} lines of code, and it must not grow beyond {most}"
            )),
            Some(_) if found <= LINES_MAX => {
                Some(format!("{FOLDER}{scenario}: {found} lines of code need no exception"))
            }
            _ => None,
        }
    };
    lines.into_iter().filter_map(wrong).collect()
}

/// Whether a file of a scenario is about policies.
fn is_policy(part: &str) -> bool {
    part == "policy.rs" || part.starts_with("policy/")
}

/// Lines that are neither blank nor comments nor imports.
fn lines_of_code(text: &str) -> usize {
    let mut importing = false;
    let is_code = |line: &&str| {
        let begins = line.starts_with("use ") || line.starts_with("pub use ");
        let import = importing || begins;
        importing = import && !line.ends_with(';');
        !import && !line.is_empty() && !line.starts_with("//")
    };
    text.lines().map(str::trim).filter(is_code).count()
}

#[test]
fn imports_comments_and_blank_lines_are_not_counted() {
    let text = "//! A doc.\n\nuse a::{\n    b,\n};\npub use c;\n\n/// A doc.\nfn used() {\n    // Why.\n    d();\n}\n";
    assert_eq!(lines_of_code(text), 3);
}

#[test]
fn scenarios_that_are_too_large_are_found() {
    let file = |path: &str, lines: usize| File {
        path: format!("{FOLDER}{path}"),
        text: "x();\n".repeat(lines),
    };
    let files = [
        file("large/mod.rs", 100),
        file("large/part.rs", 50),
        file("large/policy.rs", 900),
        file("large/tests.rs", 900),
        file("small/mod.rs", 149),
        file("town/mod.rs", 419),
        file("auction/mod.rs", 20),
        file("lib.rs", 900),
    ];
    let found = findings(&files.iter().collect::<Vec<_>>(), |path| path.ends_with("tests.rs"));
    assert_eq!(
        found,
        [
            "scenarios/src/auction: 20 lines of code need no exception",
            "scenarios/src/large: 150 lines of code, the limit is 149",
            "scenarios/src/town: 419 lines of code, and it must not grow beyond 418",
        ]
    );
}
