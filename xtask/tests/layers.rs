//! Who may know whom: the edges between the crates of the workspace, and what each must never reach.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which crates of the workspace each one may depend on; a new edge is a design decision.
///
/// Rows of crates that do not exist yet are plans; a crate without a row is an error.
const EDGES: &[(&str, &[&str])] = &[
    ("throng-derive", &[]),
    ("throng-engine", &["throng-derive"]),
    ("throng-data", &[]),
    ("throng-llm-bridge", &[]),
    ("throng-systems", &["throng-engine", "throng-llm-bridge"]),
    ("throng-scenarios", &["throng-engine", "throng-systems"]),
    ("throng-population", &["throng-engine", "throng-data"]),
    ("throng-shard", &["throng-engine", "throng-data"]),
    ("throng-studio", &["throng-data"]),
    (
        "throng",
        &[
            "throng-data",
            "throng-engine",
            "throng-llm-bridge",
            "throng-population",
            "throng-scenarios",
            "throng-shard",
            "throng-studio",
            "throng-systems",
        ],
    ),
    (
        "throng-benches",
        &[
            "throng",
            "throng-data",
            "throng-engine",
            "throng-population",
            "throng-scenarios",
            "throng-systems",
        ],
    ),
    ("xtask", &[]),
];

/// What a crate must not reach through any chain of dependencies; a name covers its family (`arrow`, `arrow-array`).
const NEVER_REACHES: &[(&str, &[&str])] = &[
    ("throng-engine", &["tokio", "reqwest", "hyper", "arrow", "parquet"]),
    ("throng-data", &["bevy_ecs", "reqwest", "hyper", "tokio"]),
    ("throng-llm-bridge", &["bevy_ecs", "arrow", "parquet"]),
    ("throng-systems", &["arrow", "parquet"]),
    ("throng-population", &["reqwest", "hyper", "tokio"]),
    ("throng-shard", &["throng-llm-bridge", "throng-scenarios"]),
    ("throng-studio", &["bevy_ecs", "throng-llm-bridge"]),
];

/// What a crate must not name in its manifest, though it may reach it through others.
const NEVER_NAMES: &[(&str, &[&str])] = &[
    ("throng-population", &["bevy_ecs", "reqwest", "arrow", "parquet"]),
    ("throng-scenarios", &["tokio", "reqwest", "arrow"]),
];

/// Which crates alone may name a package as a dependency outside their tests.
const NAMED_ONLY_BY: &[(&str, &[&str])] = &[
    ("arrow", &["throng-data"]),
    ("parquet", &["throng-data"]),
    ("reqwest", &["throng-llm-bridge"]),
    ("tokio", &["throng-llm-bridge", "throng-studio", "throng-shard"]),
    ("mimalloc", &["throng", "throng-benches"]),
];

/// Which kinds of dependency a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kinds {
    Shipped,
    WithTests,
}

/// The part of `cargo metadata` that the rules read: members, what they name, and the resolved graph.
#[derive(Debug, Default)]
struct Graph {
    /// Per member: the names in its manifest, with whether they serve its tests only.
    named: BTreeMap<String, BTreeSet<(String, bool)>>,
    /// Per package id: the ids of the packages that end up in what is shipped.
    shipped: BTreeMap<String, BTreeSet<String>>,
    /// Per package id: its name.
    names: BTreeMap<String, String>,
}

impl Graph {
    fn new(metadata: &Value) -> Self {
        let mut graph = Self::default();
        for package in array(&metadata["packages"]) {
            graph.names.insert(text(&package["id"]), text(&package["name"]));
            if package["source"].is_null() {
                let named = array(&package["dependencies"])
                    .iter()
                    .map(|edge| (text(&edge["name"]), edge["kind"] == "dev"));
                graph.named.insert(text(&package["name"]), named.collect());
            }
        }
        for node in array(&metadata["resolve"]["nodes"]) {
            let shipped = array(&node["deps"])
                .iter()
                .filter(|edge| array(&edge["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev"))
                .map(|edge| text(&edge["pkg"]));
            graph.shipped.insert(text(&node["id"]), shipped.collect());
        }
        graph
    }

    /// Whether a member names a package.
    fn names(&self, member: &str, package: &str, kinds: Kinds) -> bool {
        self.named.get(member).is_some_and(|named| {
            named.iter().any(|(name, for_tests)| {
                in_family(name, package) && (kinds == Kinds::WithTests || !for_tests)
            })
        })
    }

    /// A chain of names from a member to a package that it must not reach, if there is one.
    fn chain(&self, member: &str, package: &str) -> Option<Vec<String>> {
        let start = self.names.iter().find(|(_, name)| *name == member)?.0;
        let mut open = vec![vec![start]];
        let mut seen = BTreeSet::from([start]);
        while let Some(chain) = open.pop() {
            let last = *chain.last().expect("a chain starts with the member");
            if chain.len() > 1 && in_family(&self.names[last], package) {
                return Some(chain.into_iter().map(|id| self.names[id].clone()).collect());
            }
            for next in self.shipped.get(last).into_iter().flatten() {
                if seen.insert(next) {
                    open.push(chain.iter().copied().chain([next]).collect());
                }
            }
        }
        None
    }
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().expect("cargo metadata writes a string here").to_owned()
}

/// Whether a package is the one named or one of its parts.
fn in_family(package: &str, family: &str) -> bool {
    package.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Every breach of the rules, in words.
fn breaches(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(edge_breaches(graph));
    for (member, packages) in NEVER_REACHES {
        found.extend(packages.iter().filter_map(|package| {
            let chain = graph.chain(member, package)?;
            Some(format!("`{member}` reaches `{package}`: {}", chain.join(" → ")))
        }));
    }
    for (member, packages) in NEVER_NAMES {
        let named = packages.iter().filter(|name| graph.names(member, name, Kinds::WithTests));
        found.extend(named.map(|package| format!("`{member}` names `{package}`")));
    }
    for (package, allowed) in NAMED_ONLY_BY {
        let naming = graph.named.keys().filter(|member| {
            graph.names(member, package, Kinds::Shipped) && !allowed.contains(&member.as_str())
        });
        let whose = allowed.join(", ");
        found
            .extend(naming.map(|member| format!("`{member}` names `{package}`, only {whose} may")));
    }
    found
}

fn edge_breaches(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (member, named) in &graph.named {
        let Some((_, allowed)) = EDGES.iter().find(|(known, _)| known == member) else {
            found.push(format!("`{member}` is not in the table of edges"));
            continue;
        };
        for (name, for_tests) in named {
            let ours = graph.named.contains_key(name);
            if ours && !for_tests && !allowed.contains(&name.as_str()) {
                found.push(format!("`{member}` may not depend on `{name}`"));
            }
        }
    }
    found
}

/// The workspace's root as of this run: a path from the build is wrong once build outputs are copied.
fn root() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo runs the tests");
    Path::new(&package).parent().expect("xtask lies in the root").to_path_buf()
}

/// The platforms that `deny.toml` lists: what only others pull in is never built.
fn platforms() -> Vec<String> {
    let settings =
        std::fs::read_to_string(root().join("deny.toml")).expect("deny.toml can be read");
    let settings: toml::Table = settings.parse().expect("deny.toml is TOML");
    let targets = settings["graph"]["targets"].as_array().expect("a list of targets");
    targets.iter().map(|target| target.as_str().expect("a target's name").to_owned()).collect()
}

fn workspace() -> Graph {
    let filters = platforms().into_iter().map(|target| format!("--filter-platform={target}"));
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--all-features", "--format-version=1"])
        .args(filters)
        .current_dir(root())
        .output()
        .expect("cargo starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Graph::new(&serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON"))
}

#[test]
fn the_workspace_keeps_its_layers() {
    let graph = workspace();
    assert!(graph.named.contains_key("throng-engine") && graph.shipped.len() > graph.named.len());
    let found = breaches(&graph);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_rule_speaks_of_crates_that_have_a_row() {
    let known: BTreeSet<&str> = EDGES.iter().map(|(member, _)| *member).collect();
    assert_eq!(known.len(), EDGES.len(), "two rows for one crate");
    let members = NEVER_REACHES.iter().chain(NEVER_NAMES).map(|(member, _)| member);
    let allowed = EDGES.iter().chain(NAMED_ONLY_BY).flat_map(|(_, allowed)| allowed.iter());
    for member in members.chain(allowed) {
        assert!(known.contains(member), "`{member}` has no row");
    }
}

/// A sample workspace: `(member, its dependencies)`, a `dev:` before those that serve its tests only.
fn sample(members: &[(&str, &[&str])], others: &[(&str, &[&str])]) -> Graph {
    let mut graph = Graph::default();
    for (name, dependencies) in members.iter().chain(others) {
        let split = dependencies.iter().map(|dependency| match dependency.strip_prefix("dev:") {
            Some(name) => (name.to_owned(), true),
            None => ((*dependency).to_owned(), false),
        });
        let named: BTreeSet<(String, bool)> = split.collect();
        let shipped =
            named.iter().filter(|(_, for_tests)| !for_tests).map(|(name, _)| name.clone());
        graph.shipped.insert((*name).to_owned(), shipped.collect());
        graph.names.insert((*name).to_owned(), (*name).to_owned());
        if members.iter().any(|(member, _)| member == name) {
            graph.named.insert((*name).to_owned(), named);
        }
    }
    graph
}

#[test]
fn an_edge_upwards_is_found() {
    let graph =
        sample(&[("throng-engine", &["throng-llm-bridge"]), ("throng-llm-bridge", &[])], &[]);
    assert_eq!(breaches(&graph), ["`throng-engine` may not depend on `throng-llm-bridge`"]);
    let tests_only =
        sample(&[("throng-engine", &["dev:throng-llm-bridge"]), ("throng-llm-bridge", &[])], &[]);
    assert!(breaches(&tests_only).is_empty());
}

#[test]
fn a_crate_without_a_row_is_found() {
    let graph = sample(&[("throng-extras", &[])], &[]);
    assert_eq!(breaches(&graph), ["`throng-extras` is not in the table of edges"]);
}

#[test]
fn what_lies_deep_in_the_tree_is_found_with_the_way_to_it() {
    let graph = sample(
        &[("throng-engine", &["bridge-of-sorts"])],
        &[("bridge-of-sorts", &["tokio-util"]), ("tokio-util", &[])],
    );
    let way = "throng-engine → bridge-of-sorts → tokio-util";
    assert_eq!(breaches(&graph), [format!("`throng-engine` reaches `tokio`: {way}")]);
}

#[test]
fn what_only_tests_need_is_not_reached() {
    let graph = sample(&[("throng-data", &["dev:tokio"])], &[("tokio", &[])]);
    assert!(breaches(&graph).is_empty());
}

#[test]
fn a_scenario_that_names_a_runtime_is_found_even_in_tests() {
    let graph = sample(&[("throng-scenarios", &["dev:tokio"])], &[("tokio", &[])]);
    assert_eq!(breaches(&graph), ["`throng-scenarios` names `tokio`"]);
}

#[test]
fn a_package_in_the_wrong_crate_is_found() {
    let graph = sample(&[("throng-systems", &["mimalloc"])], &[("mimalloc", &[])]);
    let expected = "`throng-systems` names `mimalloc`, only throng, throng-benches may";
    assert_eq!(breaches(&graph), [expected]);
}

#[test]
fn a_studio_that_reaches_the_world_is_found_before_it_exists() {
    let graph = sample(
        &[("throng-studio", &["throng-data"]), ("throng-data", &["bevy_ecs"])],
        &[("bevy_ecs", &[])],
    );
    let found = breaches(&graph);
    assert!(found.contains(&"`throng-data` reaches `bevy_ecs`: throng-data → bevy_ecs".to_owned()));
    let way = "throng-studio → throng-data → bevy_ecs";
    assert!(found.contains(&format!("`throng-studio` reaches `bevy_ecs`: {way}")));
}

#[test]
fn the_graph_is_read_from_metadata_without_what_tests_need() {
    let graph = Graph::new(&serde_json::json!({
        "packages": [
            { "id": "e", "name": "throng-engine", "source": null, "dependencies": [
                { "name": "bevy_ecs", "kind": null }, { "name": "tokio", "kind": "dev" } ] },
            { "id": "b", "name": "bevy_ecs", "source": "registry", "dependencies": [] },
            { "id": "t", "name": "tokio", "source": "registry", "dependencies": [] },
        ],
        "resolve": { "nodes": [
            { "id": "e", "deps": [
                { "pkg": "b", "dep_kinds": [{ "kind": null }] },
                { "pkg": "t", "dep_kinds": [{ "kind": "dev" }] } ] },
            { "id": "b", "deps": [] },
            { "id": "t", "deps": [] },
        ]},
    }));
    assert!(graph.chain("throng-engine", "bevy_ecs").is_some());
    assert!(graph.chain("throng-engine", "tokio").is_none());
    assert!(graph.names("throng-engine", "tokio", Kinds::WithTests));
    assert!(!graph.names("throng-engine", "tokio", Kinds::Shipped));
}
