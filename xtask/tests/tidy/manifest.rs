//! Dependencies with their reasons in one place, shared lints, and names that say something.

/// Names that say nothing about what a crate or module holds.
pub(crate) const EMPTY_NAMES: [&str; 6] = ["common", "helper", "helpers", "misc", "util", "utils"];

/// Tables of a manifest that list dependencies.
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// What is wrong in the workspace's manifest: a dependency without a sentence right above it.
pub(crate) fn root_findings(text: &str) -> Vec<String> {
    let section = text.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    let lines: Vec<&str> = section.take_while(|line| !line.starts_with('[')).collect();
    if lines.is_empty() {
        return vec!["Cargo.toml: there are no [workspace.dependencies]".to_owned()];
    }
    let mut found = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let Some(name) = dependency_name(line) else { continue };
        if !line.contains("path =") && !ends_a_sentence(&lines[..index]) {
            found.push(format!("Cargo.toml: no sentence above `{name}` says why it is here"));
        }
    }
    found
}

/// The name before the equals sign of a line that starts an entry.
fn dependency_name(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim_end();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (!name.is_empty() && name.chars().all(plain)).then_some(name)
}

/// Whether the lines before an entry end with a comment that is a sentence.
fn ends_a_sentence(before: &[&str]) -> bool {
    let comment = before.iter().rev().map_while(|line| line.strip_prefix("# "));
    let lines: Vec<&str> = comment.collect();
    let (Some(last), Some(first)) = (lines.first(), lines.last()) else { return false };
    first.starts_with(|c: char| c.is_uppercase() || c == '`') && last.ends_with('.')
}

/// What is wrong in the manifest of one crate.
pub(crate) fn member_findings(path: &str, text: &str) -> Vec<String> {
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![format!("{path}: {error}")],
    };
    let mut found = Vec::new();
    let name = manifest["package"]["name"].as_str().unwrap_or_default();
    if name.split(['-', '_']).any(|part| EMPTY_NAMES.contains(&part)) {
        found.push(format!("{path}: the name `{name}` says nothing about what the crate holds"));
    }
    if manifest.contains_key("workspace") {
        // A workspace of its own, outside this one, cannot share its tables.
        return found;
    }
    if !has_true(manifest.get("lints"), "workspace") {
        found.push(format!("{path}: the crate does not take the workspace's lints"));
    }
    for table in DEPENDENCIES.iter().filter_map(|name| manifest.get(*name)?.as_table()) {
        for (dependency, value) in table {
            if !has_true(Some(value), "workspace") {
                found.push(format!("{path}: the version of `{dependency}` is not the workspace's"));
            }
        }
    }
    found
}

fn has_true(value: Option<&toml::Value>, key: &str) -> bool {
    value.and_then(|value| value.get(key)?.as_bool()) == Some(true)
}

/// What is wrong in `deny.toml`: a range behind an at-sign, which cargo-deny 0.20 takes and never matches.
pub(crate) fn deny_findings(text: &str) -> Vec<String> {
    let numbered = (1..).zip(text.lines());
    let mute = numbered.filter(|(_, line)| {
        line.match_indices("crate = \"").any(|(at, _)| {
            let package = line[at..].split('"').nth(1).unwrap_or_default();
            package.split_once('@').is_some_and(|(_, version)| version.contains(['<', '>', ',']))
        })
    });
    mute.map(|(number, _)| format!("deny.toml:{number}: a range behind `@` bans nothing: use `:`"))
        .collect()
}

#[test]
fn a_ban_that_bans_nothing_is_found() {
    let text = "deny = [\n{ crate = \"bytes@<1.11\" },\n{ crate = \"bytes:<1.11\" },\n\
        { crate = \"syn@2\" },\n]";
    assert_eq!(deny_findings(text), ["deny.toml:2: a range behind `@` bans nothing: use `:`"]);
}

#[test]
fn a_dependency_without_a_reason_is_found() {
    let text = "[workspace.dependencies]\nthrong = { path = \"throng\" }\n\n# Prints errors.\n\
        anyhow = \"1\"\nlibm = \"0.2\"\n# parses\nclap = \"4\"\n\n# Two lines\n# that end.\nsyn = \"2\"\n\
        [profile.dev]\nopt-level = 1\n";
    let expected = ["libm", "clap"]
        .map(|name| format!("Cargo.toml: no sentence above `{name}` says why it is here"));
    assert_eq!(root_findings(text), expected);
    assert_eq!(root_findings("[workspace]\n").len(), 1);
}

#[test]
fn a_crate_with_versions_or_lints_of_its_own_is_found() {
    let text = "[package]\nname = \"throng-utils\"\n[dependencies]\nanyhow = \"1\"\n\
        libm.workspace = true\n[dev-dependencies]\nsyn = { workspace = true, features = [\"full\"] }\n";
    assert_eq!(
        member_findings("utils/Cargo.toml", text),
        [
            "utils/Cargo.toml: the name `throng-utils` says nothing about what the crate holds",
            "utils/Cargo.toml: the crate does not take the workspace's lints",
            "utils/Cargo.toml: the version of `anyhow` is not the workspace's",
        ]
    );
}

#[test]
fn a_tidy_manifest_has_no_findings() {
    let text = "[package]\nname = \"throng-data\"\n[lints]\nworkspace = true\n[dependencies]\n\
        arrow.workspace = true\n";
    assert!(member_findings("data/Cargo.toml", text).is_empty());
    let apart =
        "[package]\nname = \"throng-fuzz\"\n[workspace]\n[dependencies]\nlibfuzzer-sys = \"1\"\n";
    assert!(member_findings("fuzz/Cargo.toml", apart).is_empty());
}
