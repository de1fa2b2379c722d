//! Analysts' tools read a run: the README's own snippets, and the types that each reader sees.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A folder with a run of 1,000 agents in `runs/demo`.
fn folder_with_run() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_throng"))
        .args([
            "run",
            "guessing-game",
            "--agents",
            "1000",
            "--rounds",
            "3",
            "--run-id",
            "demo",
            "-q",
        ])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

/// The code blocks of a language in a Markdown text.
fn snippets(markdown: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let blocks = markdown.split(&fence).skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn snippets_are_found_in_markdown() {
    let text = "a\n```python\nprint(1)\n```\nb\n```sh\nls\n```\n```python\nprint(2)\n```\n";
    assert_eq!(snippets(text, "python"), ["print(1)\n", "print(2)\n"]);
}

mod with_python {
    use super::*;

    fn python() -> PathBuf {
        let environment = std::env::var("THRONG_TEST_VENV")
            .expect("THRONG_TEST_VENV names a Python environment: run `cargo xtask test`");
        Path::new(&environment).join("bin/python")
    }

    /// The output of a program, which must succeed.
    fn run(folder: &Path, program: &str) -> String {
        let output =
            Command::new(python()).args(["-c", program]).current_dir(folder).output().unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{program}\n{out}\n{err}");
        out.into_owned()
    }

    #[test]
    fn the_readme_s_snippets_run() {
        let folder = folder_with_run();
        let readme = include_str!("../../../README.md");
        let snippets = snippets(readme, "python");
        assert_eq!(snippets.len(), 4, "DuckDB, pandas, polars and PyArrow each have a snippet");
        for snippet in snippets {
            assert!(!run(folder.path(), &snippet).trim().is_empty(), "{snippet}");
        }
    }

    #[test]
    fn the_run_s_own_readme_snippets_run() {
        let folder = folder_with_run();
        let run_folder = folder.path().join("runs/demo");
        let readme = std::fs::read_to_string(run_folder.join("README.md")).unwrap();
        let snippets = snippets(&readme, "python");
        assert!(!snippets.is_empty());
        for snippet in snippets {
            run(&run_folder, &snippet);
        }
    }

    #[test]
    fn readers_see_the_documented_types() {
        let folder = folder_with_run();
        let seen = run(folder.path(), include_str!("types.py"));
        insta::assert_snapshot!(seen);
    }

    #[test]
    fn the_rounds_table_is_what_the_agents_table_says() {
        let folder = folder_with_run();
        let program = "import duckdb\n\
            print(duckdb.sql(\"select r.round from 'runs/demo/rounds/*.parquet' r join (select round, \
            avg(guess) as mean, median(guess) as median, count(guess) as n from 'runs/demo/agents/*.parquet' \
            group by round) a using (round) where r.\\\"group\\\" = 'all' and abs(r.mean - a.mean) < 1e-9 \
            and abs(r.median - a.median) < 1e-9 and r.answered = a.n order by round\").fetchall())";
        assert_eq!(run(folder.path(), program).trim(), "[(1,), (2,), (3,)]");
    }
}
