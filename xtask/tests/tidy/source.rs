//! What is wrong in one Rust file, found in its tokens, its comments and its syntax tree.

use crate::manifest::EMPTY_NAMES;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines from a function's signature to its closing brace.
const FUNCTION_LINES_MAX: usize = 70;

/// Lines of a file without its tests.
const FILE_LINES_MAX: usize = 500;

/// Lines of a file of a scenario, which is to fit on a few screens; the guessing game is larger than the others.
const SCENARIO_LINES_MAX: usize = 150;

/// Words that other tools own or that say nothing; none may be part of a name that we give.
const FOREIGN_WORDS: [&str; 6] = ["actor", "helper", "manager", "tick", "util", "utils"];

/// Marks of unfinished work in comments.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Macros that stand for unfinished work.
const UNFINISHED: [&str; 3] = ["todo", "unimplemented", "dbg"];

/// Everything wrong in a file, each with file and line; files for tests may unwrap and be long.
pub(crate) fn findings(path: &str, text: &str, for_tests: bool) -> Vec<String> {
    let parsed = text.parse::<TokenStream>().ok();
    let Some((tokens, file)) = parsed.and_then(|tokens| Some((tokens.clone(), syntax(tokens)?)))
    else {
        return vec![format!("{path}:1: this is no Rust")];
    };
    let mut walk = Walk::default();
    walk.visit_file(&file);
    let mut found = walk.found;
    found.extend(first_line(text));
    found.extend(module_name(path));
    let test_lines = |line| for_tests || walk.tests.iter().any(|lines| lines.contains(&line));
    found.extend(leftovers(&leaves(tokens.clone()), test_lines));
    found.extend(marks(text, tokens));
    let outside =
        text.lines().count() - walk.tests.iter().map(|lines| lines.clone().count()).sum::<usize>();
    let limit = lines_max(path);
    if !for_tests && outside > limit {
        found.push((1, format!("{outside} lines without tests, the limit is {limit}")));
    }
    found.sort();
    found.into_iter().map(|(line, message)| format!("{path}:{line}: {message}")).collect()
}

/// The most lines that a file may have without its tests.
fn lines_max(path: &str) -> usize {
    let scenario = path.strip_prefix("scenarios/src/").and_then(|rest| rest.split_once('/'));
    match scenario {
        Some((name, _)) if name != "guessing_game" => SCENARIO_LINES_MAX,
        _ => FILE_LINES_MAX,
    }
}

/// Whether a file holds tests only, by where it lies or by how another one includes it.
pub(crate) fn is_test_file(path: &str, test_modules: &BTreeSet<String>) -> bool {
    let under_tests = path.split('/').any(|part| part == "tests" || part == "tests.rs");
    let below =
        |module: &String| path.strip_prefix(module).is_some_and(|rest| rest.starts_with('/'));
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    under_tests || test_modules.contains(stem) || test_modules.iter().any(below)
}

/// Paths, without their ending, of the modules that a file includes for tests only.
pub(crate) fn test_modules(path: &str, text: &str) -> Vec<String> {
    let Ok(file) = syn::parse_file(text) else { return Vec::new() };
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let within = if matches!(name, "lib" | "main" | "mod") { folder } else { stem };
    let modules = file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if module.content.is_none() && only_for_tests(&module.attrs) => {
            Some(format!("{within}/{}", module.ident))
        }
        _ => None,
    });
    modules.collect()
}

type Finding = (usize, String);

fn syntax(tokens: TokenStream) -> Option<syn::File> {
    syn::parse2(tokens).ok()
}

fn only_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.segments.last().is_some_and(|last| last.ident == "test"),
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            let words: Vec<TokenTree> = leaves(list.tokens.clone());
            let has = |word: &str| words.iter().any(|token| token.to_string() == word);
            has("test") && !has("not") && !has("any")
        }
        _ => false,
    })
}

/// What the syntax tree shows: lengths, names, and which lines are for tests.
#[derive(Default)]
struct Walk {
    found: Vec<Finding>,
    tests: Vec<RangeInclusive<usize>>,
    inside_tests: bool,
}

impl Walk {
    fn function(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let start = signature.span().start().line;
        let lines = block.brace_token.span.close().end().line + 1 - start;
        if lines > FUNCTION_LINES_MAX {
            let name = &signature.ident;
            let message = format!("`{name}` has {lines} lines, the limit is {FUNCTION_LINES_MAX}");
            self.found.push((start, message));
        }
        self.name(&signature.ident);
    }

    fn name(&mut self, name: &Ident) {
        let words = words(&name.to_string());
        let plural = |word: &str| FOREIGN_WORDS.contains(&word.strip_suffix('s').unwrap_or(word));
        if words.iter().any(|word| FOREIGN_WORDS.contains(&word.as_str()) || plural(word)) {
            self.found.push((name.span().start().line, format!("`{name}` is not a word of ours")));
        }
    }

    /// Visits an item; the outermost one that is for tests gives its lines to the tests.
    fn item(&mut self, attributes: &[syn::Attribute], span: Span, visit: impl FnOnce(&mut Self)) {
        let outermost = !self.inside_tests && only_for_tests(attributes);
        if outermost {
            self.tests.push(span.start().line..=span.end().line);
            self.inside_tests = true;
        }
        visit(self);
        if outermost {
            self.inside_tests = false;
        }
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.item(&item.attrs, item.span(), |walk| {
            walk.function(&item.sig, &item.block);
            visit::visit_item_fn(walk, item);
        });
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.item(&item.attrs, item.span(), |walk| {
            walk.function(&item.sig, &item.block);
            visit::visit_impl_item_fn(walk, item);
        });
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        match &item.default {
            Some(block) => self.function(&item.sig, block),
            None => self.name(&item.sig.ident),
        }
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.item(&item.attrs, item.span(), |walk| {
            walk.name(&item.ident);
            visit::visit_item_mod(walk, item);
        });
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.item(&item.attrs, item.span(), |walk| visit::visit_item_impl(walk, item));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.item(&item.attrs, item.span(), |walk| {
            walk.name(&item.ident);
            visit::visit_item_struct(walk, item);
        });
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.name(&item.ident);
        visit::visit_item_enum(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.name(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.name(&item.ident);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.name(&item.ident);
        visit::visit_item_const(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.name(&item.ident);
        visit::visit_item_static(self, item);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.name(&variant.ident);
        visit::visit_variant(self, variant);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(name) = &field.ident {
            self.name(name);
        }
        visit::visit_field(self, field);
    }

    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        self.name(&pattern.ident);
        visit::visit_pat_ident(self, pattern);
    }
}

/// The words of a name in snake case, camel case or capitals, all in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && after_lower) {
            words.push(String::new());
        }
        if c != '_' {
            words.last_mut().expect("there is a first word").extend(c.to_lowercase());
        }
        after_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    words
}

/// The file must open with one sentence that says what lives in it.
fn first_line(text: &str) -> Option<Finding> {
    let paragraph = text.lines().map_while(|line| line.strip_prefix("//! "));
    let is_sentence = paragraph.last().is_some_and(|last| last.ends_with('.'));
    (!is_sentence).then(|| (1, "the first line is no `//!` sentence".to_owned()))
}

fn module_name(path: &str) -> Option<Finding> {
    let parts = path.split('/').map(|part| part.strip_suffix(".rs").unwrap_or(part));
    let empty = parts.into_iter().find(|part| EMPTY_NAMES.contains(part))?;
    Some((1, format!("the name `{empty}` says nothing about what the file holds")))
}

/// Every token that is no group, in the order of the text.
fn leaves(tokens: TokenStream) -> Vec<TokenTree> {
    let mut found = Vec::new();
    for token in tokens {
        if let TokenTree::Group(group) = &token {
            let inner = leaves(group.stream());
            found.push(token);
            found.extend(inner);
        } else {
            found.push(token);
        }
    }
    found
}

/// Unfinished work, ignored tests and unwraps outside tests.
fn leftovers(tokens: &[TokenTree], for_tests: impl Fn(usize) -> bool) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Ident(name) = token else { continue };
        let name = name.to_string();
        let line = token.span().start().line;
        let before = |back: usize| index.checked_sub(back).map(|at| &tokens[at]);
        let is = |token: Option<&TokenTree>, sign: char| matches!(token, Some(TokenTree::Punct(found)) if found.as_char() == sign);
        if UNFINISHED.contains(&name.as_str()) && is(tokens.get(index + 1), '!') {
            found.push((line, format!("`{name}!` is left over")));
        }
        if name == "ignore" && is(before(2), '#') {
            found.push((line, "a test is ignored: let it state what holds today".to_owned()));
        }
        let called = is(before(1), '.') || is(before(1), ':');
        if name == "unwrap" && called && !for_tests(line) {
            found.push((line, "`unwrap` outside tests: say why it holds with `expect`".to_owned()));
        }
    }
    found
}

/// Marks of unfinished work in comments, which are whatever the tokens leave over and doc comments.
fn marks(text: &str, tokens: TokenStream) -> Vec<Finding> {
    let mut comments = text.as_bytes().to_vec();
    for token in leaves(tokens) {
        let spans = match &token {
            TokenTree::Group(group) => [group.span_open(), group.span_close()],
            other => [other.span(), other.span()],
        };
        for range in spans.map(|span| span.byte_range()) {
            let is_comment =
                text[range.clone()].starts_with("//") || text[range.clone()].starts_with("/*");
            let code = comments[range].iter_mut().filter(|byte| !is_comment && **byte != b'\n');
            code.for_each(|byte| *byte = b' ');
        }
    }
    let comments = String::from_utf8_lossy(&comments);
    let numbered = (1..).zip(comments.lines());
    let found = numbered.flat_map(|(number, line)| {
        let marks = MARKS.iter().filter(|mark| line.contains(**mark));
        marks.map(move |mark| (number, format!("a comment says {mark}")))
    });
    found.collect()
}

#[path = "source_tests.rs"]
mod tests;
