//! Typed answers: what a model may answer, and how its words become a value.

use std::fmt;

use thiserror::Error;

use crate::Decimal;

/// The form of an answer. It goes out with the question, so that a server can constrain what is generated, and
/// it checks what came back.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A number in [min, max] with at most this many decimals.
    Number {
        /// Smallest number allowed.
        min: f64,
        /// Largest number allowed.
        max: f64,
        /// Decimals allowed; 0 asks for an integer.
        decimals: u8,
    },
    /// One of these options.
    Choice(Vec<Choice>),
    /// Free text of at most this many characters.
    Text {
        /// Characters allowed.
        chars_max: usize,
    },
    /// Several named parts.
    Object(Vec<Part>),
}

/// An option of a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The word that stands for it.
    pub label: &'static str,
    /// What it means; the model reads it.
    pub description: &'static str,
}

/// A named part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The name.
    pub name: &'static str,
    /// What it means; the model reads it.
    pub description: &'static str,
    /// Its form.
    pub shape: Shape,
}

/// An answer as data, before it is checked.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerValue {
    /// A number.
    Number(f64),
    /// Text, or the label of a choice.
    Text(String),
    /// Named parts.
    Object(Vec<(String, AnswerValue)>),
}

/// Why an answer is not acceptable, worded so that a model can mend it.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum Rejection {
    /// Something else where a number was asked for.
    #[error("a number was asked for")]
    NotANumber,
    /// A number out of bounds.
    #[error("the number must be between {min} and {max}, and {value} is not")]
    OutOfBounds {
        /// What was answered.
        value: f64,
        /// Smallest number allowed.
        min: f64,
        /// Largest number allowed.
        max: f64,
    },
    /// Not one of the options.
    #[error("the answer must be one of: {options}")]
    NotAChoice {
        /// The labels, with commas.
        options: String,
    },
    /// Something else where text was asked for.
    #[error("text was asked for")]
    NotText,
    /// Too long a text.
    #[error("the text must have at most {chars_max} characters")]
    TooLong {
        /// Characters allowed.
        chars_max: usize,
    },
    /// A part is missing.
    #[error("the part \"{0}\" is missing")]
    Missing(&'static str),
    /// A part is wrong.
    #[error("in \"{part}\": {reason}")]
    Part {
        /// The part's name.
        part: &'static str,
        /// What is wrong with it.
        reason: Box<Rejection>,
    },
}

/// A type that a model may be asked for. Derive it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be answered",
    note = "add #[derive(Answer)] to `{Self}`; numbers (f64, Decimal, i32, i64), String and enums that derive Answer can be parts"
)]
pub trait Answer: Clone + Send + Sync + Sized + 'static {
    /// The form of an answer as the type declares it.
    fn shape() -> Shape;
    /// The value of an answer that has the given form.
    ///
    /// # Errors
    /// What is wrong with the answer.
    fn from_value(value: &AnswerValue, shape: &Shape) -> Result<Self, Rejection>;
}

impl Shape {
    /// The same number form with another smallest number; other forms stay as they are.
    #[must_use]
    pub fn with_min(mut self, bound: f64) -> Self {
        if let Self::Number { min, .. } = &mut self {
            *min = bound;
        }
        self
    }

    /// The same number form with another largest number; other forms stay as they are.
    #[must_use]
    pub fn with_max(mut self, bound: f64) -> Self {
        if let Self::Number { max, .. } = &mut self {
            *max = bound;
        }
        self
    }

    /// The same number form with other decimals; other forms stay as they are.
    #[must_use]
    pub fn with_decimals(mut self, count: u8) -> Self {
        if let Self::Number { decimals, .. } = &mut self {
            *decimals = count.min(Decimal::PLACES);
        }
        self
    }

    /// The same text form with another length; other forms stay as they are.
    #[must_use]
    pub fn with_chars_max(mut self, count: usize) -> Self {
        if let Self::Text { chars_max } = &mut self {
            *chars_max = count;
        }
        self
    }
}

impl AnswerValue {
    /// The number in [min, max], rounded to the form's decimals.
    ///
    /// # Errors
    /// When it is no number or out of bounds.
    pub fn number(&self, shape: &Shape) -> Result<Decimal, Rejection> {
        let (Self::Number(value), Shape::Number { min, max, decimals }) = (self, shape) else {
            return Err(Rejection::NotANumber);
        };
        let (value, min, max) = (*value, *min, *max);
        let out = Rejection::OutOfBounds { value, min, max };
        if !(min..=max).contains(&value) {
            return Err(out);
        }
        Decimal::nearest(value, *decimals).ok_or(out)
    }

    /// The place of the chosen option; case and surrounding space do not matter.
    ///
    /// # Errors
    /// When it is none of the options.
    pub fn choice(&self, shape: &Shape) -> Result<usize, Rejection> {
        let Shape::Choice(choices) = shape else { return Err(Rejection::NotText) };
        let chosen = match self {
            Self::Text(text) => {
                choices.iter().position(|choice| choice.label.eq_ignore_ascii_case(text.trim()))
            }
            Self::Number(_) | Self::Object(_) => None,
        };
        chosen.ok_or_else(|| {
            let labels: Vec<_> = choices.iter().map(|choice| choice.label).collect();
            Rejection::NotAChoice { options: labels.join(", ") }
        })
    }

    /// The text.
    ///
    /// # Errors
    /// When it is no text or too long.
    pub fn text(&self, shape: &Shape) -> Result<&str, Rejection> {
        let (Self::Text(text), Shape::Text { chars_max }) = (self, shape) else {
            return Err(Rejection::NotText);
        };
        if text.chars().count() > *chars_max {
            return Err(Rejection::TooLong { chars_max: *chars_max });
        }
        Ok(text)
    }

    /// A named part, read by `read` with the part's form.
    ///
    /// # Errors
    /// When the part is missing or wrong.
    pub fn part<T>(
        &self,
        shape: &Shape,
        name: &'static str,
        read: impl Fn(&Self, &Shape) -> Result<T, Rejection>,
    ) -> Result<T, Rejection> {
        let (Self::Object(values), Shape::Object(parts)) = (self, shape) else {
            return Err(Rejection::Missing(name));
        };
        let part = parts.iter().find(|part| part.name == name);
        let value = values.iter().find(|(given, _)| given == name);
        let (Some(part), Some((_, value))) = (part, value) else {
            return Err(Rejection::Missing(name));
        };
        read(value, &part.shape)
            .map_err(|reason| Rejection::Part { part: name, reason: Box::new(reason) })
    }
}

impl fmt::Display for Shape {
    /// The form in words, for a prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { min, max, decimals: 0 } => {
                write!(f, "a whole number from {min} to {max}")
            }
            Self::Number { min, max, decimals } => {
                write!(f, "a number from {min} to {max} with at most {decimals} decimals")
            }
            Self::Choice(choices) => {
                let labels: Vec<_> = choices.iter().map(|choice| choice.label).collect();
                write!(f, "one of: {}", labels.join(", "))
            }
            Self::Text { chars_max } => write!(f, "text of at most {chars_max} characters"),
            Self::Object(parts) => {
                let parts: Vec<_> =
                    parts.iter().map(|part| format!("{} ({})", part.name, part.shape)).collect();
                f.write_str(&parts.join("; "))
            }
        }
    }
}

impl Answer for Decimal {
    fn shape() -> Shape {
        Shape::Number { min: Self::MIN.to_f64(), max: Self::MAX.to_f64(), decimals: Self::PLACES }
    }
    fn from_value(value: &AnswerValue, shape: &Shape) -> Result<Self, Rejection> {
        value.number(shape)
    }
}

impl Answer for f64 {
    fn shape() -> Shape {
        Decimal::shape()
    }
    fn from_value(value: &AnswerValue, shape: &Shape) -> Result<Self, Rejection> {
        value.number(shape).map(Decimal::to_f64)
    }
}

impl Answer for i32 {
    fn shape() -> Shape {
        Shape::Number { min: -200_000.0, max: 200_000.0, decimals: 0 }
    }
    fn from_value(value: &AnswerValue, shape: &Shape) -> Result<Self, Rejection> {
        value.number(shape).map(|number| number.units() / Decimal::SCALE)
    }
}

impl Answer for String {
    fn shape() -> Shape {
        Shape::Text { chars_max: 2_000 }
    }
    fn from_value(value: &AnswerValue, shape: &Shape) -> Result<Self, Rejection> {
        value.text(shape).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape::Number { min: 0.0, max: 100.0, decimals: 2 };

    #[test]
    fn numbers_are_checked_and_rounded() {
        let read = |value| Decimal::from_value(&AnswerValue::Number(value), &SHAPE);
        assert_eq!(read(33.336).map(|number| number.to_string()), Ok("33.34".to_owned()));
        for wrong in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
            assert!(matches!(read(wrong), Err(Rejection::OutOfBounds { .. })), "{wrong}");
        }
        assert_eq!(
            Decimal::from_value(&AnswerValue::Text("12".to_owned()), &SHAPE),
            Err(Rejection::NotANumber)
        );
    }

    #[test]
    fn texts_are_counted_in_characters() {
        let shape = Shape::Text { chars_max: 3 };
        assert!(String::from_value(&AnswerValue::Text("äöü".to_owned()), &shape).is_ok());
        assert_eq!(
            String::from_value(&AnswerValue::Text("long".to_owned()), &shape),
            Err(Rejection::TooLong { chars_max: 3 })
        );
    }
}
