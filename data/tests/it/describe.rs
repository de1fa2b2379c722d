//! The generated pages say what the tables hold.

use crate::fixture::{new_run, output, played};
use std::fs;

fn read(run: &std::path::Path, name: &str) -> String {
    fs::read_to_string(run.join(name)).unwrap()
}

#[test]
fn the_generated_pages() {
    let out = tempfile::tempdir().unwrap();
    let run = played(out.path(), "20261120-214530-two-thirds-7f3a91", 1);
    insta::assert_snapshot!("views", read(run.path(), "views.sql"));
    insta::assert_snapshot!("readme", read(run.path(), "README.md"));
    insta::assert_snapshot!("schema", read(run.path(), "schema.json"));
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "[time]");
    settings.add_filter(r#""attempt": "[0-9a-f]{32}""#, r#""attempt": "[attempt]""#);
    settings.add_filter(r#""(bytes)": \d+"#, r#""$1": [bytes]"#);
    settings.add_filter(r#""sha256": "[0-9a-f]{64}""#, r#""sha256": "[digest]""#);
    settings.bind(|| {
        insta::assert_snapshot!("manifest", read(run.path(), "manifest.json"));
        insta::assert_snapshot!("commit", read(run.path(), "commits/round-000001.json"));
    });
}

#[test]
fn a_view_appears_with_the_first_file_of_its_table() {
    let out = tempfile::tempdir().unwrap();
    let mut run = new_run(out.path(), "r");
    assert!(!read(run.path(), "views.sql").contains("CREATE"));
    run.commit(output(0)).unwrap();
    assert!(read(run.path(), "views.sql").contains("\"people\""));
    assert!(!read(run.path(), "views.sql").contains("\"agents\""));
    run.commit(output(1)).unwrap();
    assert!(read(run.path(), "views.sql").contains("\"agents\""));
}
