//! What no file of the repository may say, whatever its language.

/// Lock files are written by package managers and name where packages come from.
const LOCK_FILES: [&str; 3] = ["Cargo.lock", "package-lock.json", "uv.lock"];

/// Hosts of package registries: a mirror must be able to stand in for each.
const REGISTRIES: [&str; 6] = [
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("python", "hosted.org"),
    concat!("npmjs", ".org"),
    concat!("deb.", "debian.org"),
    concat!("registry.", "yarnpkg.com"),
];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 2] = [concat!("/wo", "rk/"), concat!("/ro", "ot/")];

/// What is wrong in a text, each with file and line.
pub(crate) fn findings(path: &str, text: &str) -> Vec<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    if LOCK_FILES.contains(&name) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for host in REGISTRIES.iter().filter(|host| line.contains(**host)) {
            found.push(format!("{path}:{number}: names the registry host {host}"));
        }
        for start in MACHINE_PATHS.iter().filter(|start| has_path(line, start)) {
            found.push(format!("{path}:{number}: names a path of one machine, {start}"));
        }
    }
    found
}

/// Whether a line holds an absolute path with this beginning, not merely a longer path with it inside.
fn has_path(line: &str, start: &str) -> bool {
    line.match_indices(start).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/>}~".contains(c))
    })
}

#[test]
fn hosts_and_machine_paths_are_found_with_their_place() {
    let line = format!("see https://{}/crates/x", REGISTRIES[0]);
    assert_eq!(
        findings("docs/a.md", &format!("fine\n{line}\n")),
        [format!("docs/a.md:2: names the registry host {}", REGISTRIES[0])]
    );
    let path = format!("out = \"{}runs\"", MACHINE_PATHS[0]);
    assert_eq!(findings("a.toml", &path).len(), 1);
}

#[test]
fn lock_files_and_longer_paths_are_left_alone() {
    let host = format!("source = \"{}\"", REGISTRIES[0]);
    assert!(findings("fuzz/Cargo.lock", &host).is_empty());
    let inside = format!("target{}runs and $HOME/my{}x", MACHINE_PATHS[0], MACHINE_PATHS[1]);
    assert!(findings("a.md", &inside).is_empty());
}
