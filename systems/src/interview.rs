//! An interview: a question from outside, below what an agent would be asked next.

/// How it reads; `{prompt}` is what the agent would be asked next, and `{question}` what the interviewer asks.
const TEXT: &str = include_str!("prompts/interview.txt");

/// What an agent is told in an interview.
///
/// # Panics
/// If the shipped text lacks a part, as a test sees to.
pub fn interviewed(prompt: &str, question: &str) -> String {
    let text = TEXT.strip_prefix("{prompt}").and_then(|text| text.split_once("{question}"));
    let (before, after) = text.expect("the shipped text has both parts");
    format!("{prompt}{before}{question}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_stands_below_what_the_agent_knows() {
        let text = interviewed("Which number do you report? {question}", "Why?");
        assert!(text.starts_with("Which number do you report? {question}\n\nBefore you answer"));
        assert!(text.contains("\nWhy?\n\nAnswer the interviewer"), "{text}");
    }
}
