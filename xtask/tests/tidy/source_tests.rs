//! Bad samples for every rule about Rust files, so that each rule is seen to fail.

use super::*;

fn messages(body: &str) -> Vec<String> {
    findings("engine/src/a.rs", &format!("//! A sample.\n{body}"), false)
}

#[test]
fn a_tidy_file_has_no_findings() {
    let body = "/// Doubles.\nfn double(x: u32) -> u32 {\n    x * 2\n}\n\n#[cfg(test)]\nmod tests {\n    \
        #[test]\n    fn t() {\n        Some(1).unwrap();\n    }\n}\n";
    assert_eq!(messages(body), Vec::<String>::new());
}

#[test]
fn a_file_must_open_with_a_sentence() {
    let at_first = |text: &str| findings("a.rs", text, false);
    assert_eq!(at_first("fn a() {}\n"), ["a.rs:1: the first line is no `//!` sentence"]);
    assert_eq!(at_first("//! No full stop\nfn a() {}\n").len(), 1);
    assert_eq!(at_first("\n//! Late.\nfn a() {}\n").len(), 1);
    assert!(at_first("//! Two lines\n//! of one sentence.\n//!\n//! More\n").is_empty());
}

#[test]
fn a_function_of_seventy_lines_passes_and_one_more_does_not() {
    let of = |lines: usize| format!("fn long() {{\n{}}}\n", "    f();\n".repeat(lines - 2));
    assert!(messages(&of(70)).is_empty());
    let expected = "engine/src/a.rs:2: `long` has 71 lines, the limit is 70";
    assert_eq!(messages(&of(71)), [expected]);
    let method = format!("struct S;\nimpl S {{\n{}}}\n", of(71));
    assert_eq!(messages(&method).len(), 1);
    let provided = format!("trait T {{\n{}}}\n", of(71));
    assert_eq!(messages(&provided).len(), 1);
}

#[test]
fn a_file_of_a_scenario_is_short() {
    let lines = format!("//! A town.\n{}", "const A: u8 = 1;\n".repeat(150));
    let found = findings("scenarios/src/town/day.rs", &lines, false);
    assert_eq!(found, ["scenarios/src/town/day.rs:1: 151 lines without tests, the limit is 150"]);
    assert!(findings("scenarios/src/guessing_game/rules.rs", &lines, false).is_empty());
}

#[test]
fn a_file_counts_without_its_tests() {
    let lines = "const A: u8 = 1;\n".repeat(499);
    assert!(messages(&lines).is_empty());
    let tests = "#[cfg(test)]\nmod tests {\n    const B: u8 = 1;\n}\n";
    assert!(messages(&format!("{lines}{tests}")).is_empty());
    let message = messages(&format!("{lines}const B: u8 = 1;\n{tests}"));
    assert_eq!(message, ["engine/src/a.rs:1: 501 lines without tests, the limit is 500"]);
    assert!(findings("a/tests/b.rs", &format!("//! Long.\n{lines}{lines}"), true).is_empty());
}

#[test]
fn unfinished_work_is_found_in_code_and_in_comments() {
    for macro_name in UNFINISHED {
        let found = messages(&format!("fn f() {{ {macro_name}!() }}"));
        assert_eq!(found, [format!("engine/src/a.rs:2: `{macro_name}!` is left over")]);
    }
    for mark in MARKS {
        let comments = [
            format!("// {mark}: more"),
            format!("/// A {mark} of docs.\nfn f() {{}}"),
            format!("/* {mark} */"),
        ];
        for comment in comments {
            assert_eq!(messages(&comment), [format!("engine/src/a.rs:2: a comment says {mark}")]);
        }
        assert!(messages(&format!("const A: &str = \"é {mark}\"; // fine")).is_empty());
    }
}

#[test]
fn an_ignored_test_is_found() {
    let found = messages("#[cfg(test)]\nmod tests {\n#[test]\n#[ignore = \"slow\"]\nfn f() {}\n}");
    let expected = "engine/src/a.rs:5: a test is ignored: let it state what holds today";
    assert_eq!(found, [expected]);
}

#[test]
fn an_unwrap_outside_tests_is_found_in_macros_and_paths_too() {
    let bodies = ["x.unwrap();", "println!(\"{}\", x.unwrap());", "x.map(Option::unwrap);"];
    for body in bodies {
        assert_eq!(messages(&format!("fn f() {{ {body} }}")).len(), 1, "{body}");
    }
    assert!(messages("fn f() { x.unwrap_or(1); x.unwrap_or_default(); }").is_empty());
    assert!(findings("a/tests/b.rs", "//! A.\nfn f() { x.unwrap(); }", true).is_empty());
    assert_eq!(messages("#[cfg(not(test))]\nfn f() { x.unwrap(); }").len(), 1);
}

#[test]
fn words_of_others_are_found_in_the_names_we_give() {
    let bodies = [
        "struct TaskManager;",
        "fn on_tick() {}",
        "enum E { Actor }",
        "struct S { ticks: u32 }",
        "fn f(actor_count: u32) {}",
        "const TICK_MAX: u32 = 1;",
        "mod helpers;",
        "trait T { fn manager(&self); }",
    ];
    for body in bodies {
        assert_eq!(messages(body).len(), 1, "{body}");
    }
    let fine = "fn f() { bar.enable_steady_tick(x); let factor = 1; let sticky = Tick::MAX; }";
    assert!(messages(fine).is_empty());
}

#[test]
fn names_fall_into_words() {
    assert_eq!(words("TaskManager"), ["task", "manager"]);
    assert_eq!(words("on_tick2"), ["on", "tick2"]);
    assert_eq!(words("ROUNDS_MAX"), ["rounds", "max"]);
}

#[test]
fn a_module_whose_name_says_nothing_is_found() {
    for path in ["engine/src/utils.rs", "engine/src/common/mod.rs"] {
        assert_eq!(findings(path, "//! A.\n", false).len(), 1, "{path}");
    }
}

#[test]
fn what_is_no_rust_is_said_so() {
    assert_eq!(findings("a.rs", "//! A.\nfn {", false), ["a.rs:1: this is no Rust"]);
}

#[test]
fn modules_included_for_tests_are_known() {
    let text = "//! A.\n#[cfg(test)]\nmod props;\nmod real;\n#[cfg(test)]\nmod inline {}\n";
    assert_eq!(test_modules("engine/src/sum.rs", text), ["engine/src/sum/props"]);
    assert_eq!(test_modules("engine/src/lib.rs", text), ["engine/src/props"]);
    let known = BTreeSet::from(["engine/src/props".to_owned()]);
    assert!(is_test_file("engine/src/props.rs", &known));
    assert!(is_test_file("engine/src/props/deep.rs", &known));
    assert!(is_test_file("engine/tests/golden.rs", &known));
    assert!(is_test_file("engine/src/sum/tests.rs", &known));
    assert!(!is_test_file("engine/src/sum.rs", &known));
    assert!(!is_test_file("engine/src/properties.rs", &known));
}
