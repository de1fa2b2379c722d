//! Analysts' tools read a run: the README's own snippets, and the types that each reader sees.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A folder with a run of 1,000 agents in `runs/demo`.
fn folder_with_run() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder can be made");
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
        .expect("the program runs");
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
        let output = Command::new(python())
            .args(["-c", program])
            .current_dir(folder)
            .output()
            .expect("Python runs");
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
        let readme =
            std::fs::read_to_string(run_folder.join("README.md")).expect("a run describes itself");
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

    /// A run with letters and posts between agents, and what DuckDB says about one of its tables.
    fn asked_of(scenario: &str, query: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let arguments =
            ["run", scenario, "--agents", "500", "--rounds", "40", "--run-id", "r", "-q"];
        let output = Command::new(env!("CARGO_BIN_EXE_throng"))
            .args(arguments)
            .current_dir(folder.path())
            .output()
            .expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let program = format!("import duckdb\nprint(duckdb.sql(\"\"\"{query}\"\"\").fetchall())");
        run(folder.path(), &program).trim().to_owned()
    }

    #[test]
    fn letters_and_posts_can_be_read_and_joined() {
        // Whoever got a letter has met its writer: a round later it is the last one that it remembers.
        let query = "select count(*) > 50, count(*) filter (where l.words is null or l.\"from\" = l.agent), \
            max(l.exchange) <= 2 from 'runs/r/letters/*.parquet' l join 'runs/r/people/*.parquet' p using (agent)";
        assert_eq!(asked_of("town", query), "[(True, 0, True)]");
        let query = "select count(*) > 5, min(audience), max(audience) from 'runs/r/posts/*.parquet' \
            where rumour and words like 'They say%'";
        assert_eq!(asked_of("opinions", query), "[(True, 'followers', 'followers')]");
        let query = "select bool_and(e.total = r.n * r.exchanges and e.asks = r.asks) from \
            (select round, sum(n) as total, sum(answered + failed) as asks from 'runs/r/exchanges/*.parquet' \
            group by round) e join 'runs/r/rounds/*.parquet' r using (round) where r.\"group\" = 'all'";
        assert_eq!(asked_of("chat-room", query), "[(True,)]");
    }
}
