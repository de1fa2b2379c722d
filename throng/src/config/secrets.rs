//! Secrets that were pasted into a configuration: found, refused, and never shown.

use std::ops::Range;

/// What stands where a secret stood, in messages.
pub(super) const REDACTED: &str = "(redacted)";

/// Names of keys whose value is a secret, in lower case with underscores.
const SECRET_KEYS: [&str; 13] = [
    "access_key",
    "access_token",
    "api_key",
    "api_token",
    "apikey",
    "auth_token",
    "authorization",
    "bearer",
    "credential",
    "password",
    "secret",
    "secret_key",
    "token",
];

/// Beginnings of the keys that providers hand out.
const SECRET_PREFIXES: [&str; 8] =
    ["sk-", "sk_", "hf_", "ghp_", "github_pat_", "glpat-", "gsk_", "xai-"];

/// The shortest key worth the name: shorter words with such a beginning are words.
const SECRET_BYTES_MIN: usize = 16;

/// Whether the value of this key is a secret. `api_key_env` is not: it names a variable.
pub(super) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    SECRET_KEYS.contains(&key.as_str())
}

/// Whether a text holds what looks like a key.
pub(super) fn holds_secret(text: &str) -> bool {
    !secret_words(text).is_empty()
}

/// A text for messages, with everything replaced that looks like a key.
pub(super) fn redacted(text: &str) -> String {
    let mut shown = text.to_owned();
    for word in secret_words(text).into_iter().rev() {
        shown.replace_range(word, REDACTED);
    }
    shown
}

/// A text of the same length in which every secret is asterisks: values of secret keys and words that look
/// like keys. It does not parse the text, so that it works on files that are no TOML, too.
pub(super) fn blacked_out(text: &str) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let values = key_values(text).filter(|(key, _)| is_secret_key(key)).map(|(_, value)| value);
    for range in values.chain(secret_words(text)) {
        // Line ends stay, so that lines keep their numbers.
        for byte in bytes[range].iter_mut().filter(|byte| !matches!(byte, b'\n' | b'\r')) {
            *byte = b'*';
        }
    }
    String::from_utf8(bytes).expect("whole characters were replaced by ASCII")
}

const fn belongs_to_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Where words lie that look like keys.
fn secret_words(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut start = 0;
    for piece in text.split_inclusive(|c: char| !belongs_to_word(c)) {
        let word = piece.trim_end_matches(|c: char| !belongs_to_word(c));
        let looks = SECRET_PREFIXES.iter().any(|prefix| word.starts_with(prefix));
        let digits = word.bytes().any(|byte| byte.is_ascii_digit());
        if looks && digits && word.len() >= SECRET_BYTES_MIN {
            words.push(start..start + word.len());
        }
        start += piece.len();
    }
    words
}

/// Every `key = value` of a text as key and range of the value, quotes included.
fn key_values(text: &str) -> impl Iterator<Item = (&str, Range<usize>)> {
    text.match_indices('=').filter_map(|(at, _)| {
        let before = text[..at].trim_end_matches([' ', '\t', '"', '\'']);
        let start = before
            .rfind(|c: char| !belongs_to_word(c) || c == '.')
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let key = &before[start..];
        (!key.is_empty()).then(|| (key, value_after(text, at + 1)))
    })
}

/// The range of the value that begins after `from`.
fn value_after(text: &str, from: usize) -> Range<usize> {
    let rest = &text[from..];
    let value = rest.trim_start_matches([' ', '\t']);
    let start = from + rest.len() - value.len();
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| value.starts_with(quote));
    let length = match quotes {
        Some(quote) if quote.len() == 3 => {
            value[3..].find(quote).map_or(value.len(), |end| end + 2 * quote.len())
        }
        // To the end of the line: where the quotes really end does not matter for what must not be shown.
        Some(_) | None => value.find(['\n', '\r']).unwrap_or(value.len()),
    };
    start..start + length
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-proj-abcdefgh12345678";

    #[test]
    fn values_of_secret_keys_are_blacked_out_wherever_they_stand() {
        let text = format!("a = 1\napi-key = 'ab c'\nm = [{{ token = \"x\", b = 2 }}]\n# {KEY}\n");
        let shown = blacked_out(&text);
        assert_eq!(shown.len(), text.len());
        assert!(shown.starts_with("a = 1\napi-key = ******\nm = [{ token = *"), "{shown}");
        assert!(!shown.contains("sk-"), "{shown}");
        assert_eq!(shown.lines().count(), text.lines().count());
    }

    #[test]
    fn texts_of_many_lines_and_broken_texts_are_blacked_out_too() {
        assert_eq!(blacked_out("token = \"\"\"a\nb\"\"\"\nc = 1"), "token = ****\n****\nc = 1");
        assert_eq!(blacked_out("token = \"\"\"a\nb"), "token = ****\n*");
        assert_eq!(blacked_out("token=ü\n"), "token=**\n");
        assert_eq!(blacked_out("run.token = a"), "run.token = *");
    }

    #[test]
    fn words_are_told_from_keys() {
        assert!(holds_secret(&format!("my key is {KEY}.")));
        for harmless in
            ["You are risk-averse and task-oriented.", "sk-", "sk-short1", "hf_of_all_the_agents"]
        {
            assert!(!holds_secret(harmless), "{harmless}");
        }
        assert_eq!(redacted(&format!("`{KEY}` is no number")), "`(redacted)` is no number");
    }

    #[test]
    fn a_key_that_names_a_variable_is_no_secret() {
        assert!(is_secret_key("API-Key") && is_secret_key("token"));
        assert!(!is_secret_key("api_key_env") && !is_secret_key("tokens_max"));
    }
}
