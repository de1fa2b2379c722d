//! The ratio of the game as an exact fraction, read from `2/3`, `0.67` or a plain number.

use std::fmt;
use std::str::FromStr;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A positive fraction in lowest terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ratio {
    numerator: u32,
    denominator: u32,
}

/// Why a text or number is not a ratio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RatioProblem {
    /// Neither a fraction nor a decimal number, among them NaN and infinities.
    NotANumber(String),
    /// Below 0.
    Negative(String),
    /// Exactly 0.
    Zero(String),
    /// A fraction over 0.
    ZeroDenominator(String),
    /// In lowest terms a part exceeds 32 bits.
    TooLong(String),
}

impl fmt::Display for RatioProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotANumber(text) => {
                write!(
                    f,
                    "the ratio `{text}` is not a number: write a fraction such as \"2/3\" or a decimal such as 0.67"
                )
            }
            Self::Negative(text) => {
                write!(f, "the ratio `{text}` is negative: write a number above 0, such as \"2/3\"")
            }
            Self::Zero(text) => write!(
                f,
                "the ratio `{text}` is 0, so that every answer would be aimed at the offset alone: write a number above 0, such as \"2/3\""
            ),
            Self::ZeroDenominator(text) => write!(
                f,
                "the ratio `{text}` divides by 0: write a number from 1 below the stroke, such as \"2/3\""
            ),
            Self::TooLong(text) => write!(
                f,
                "the ratio `{text}` has too many digits: both parts must be at most {}; write a shorter fraction such as \"2/3\"",
                u32::MAX
            ),
        }
    }
}

impl std::error::Error for RatioProblem {}

impl Ratio {
    /// Two thirds, the ratio of the best-known experiments.
    pub const TWO_THIRDS: Self = Self { numerator: 2, denominator: 3 };

    /// The part above the stroke, in lowest terms.
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// The part below the stroke, in lowest terms.
    pub const fn denominator(self) -> u32 {
        self.denominator
    }

    /// The nearest floating-point number.
    pub fn to_f64(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// Whether the ratio is exactly 1.
    pub const fn is_one(self) -> bool {
        self.numerator == self.denominator
    }

    fn reduced(numerator: u128, denominator: u128, text: &str) -> Result<Self, RatioProblem> {
        if denominator == 0 {
            return Err(RatioProblem::ZeroDenominator(text.to_owned()));
        }
        if numerator == 0 {
            return Err(RatioProblem::Zero(text.to_owned()));
        }
        let divisor = greatest_common_divisor(numerator, denominator);
        let part = |value: u128| {
            u32::try_from(value / divisor).map_err(|_| RatioProblem::TooLong(text.to_owned()))
        };
        Ok(Self { numerator: part(numerator)?, denominator: part(denominator)? })
    }
}

fn greatest_common_divisor(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The whole number that a text of digits stands for.
fn whole(digits: &str, text: &str) -> Result<u128, RatioProblem> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RatioProblem::NotANumber(text.to_owned()));
    }
    digits.parse().map_err(|_| RatioProblem::TooLong(text.to_owned()))
}

/// Numerator and denominator of an unsigned decimal text such as `0.67`.
fn decimal(number: &str, text: &str) -> Result<(u128, u128), RatioProblem> {
    let (before, after) = number.split_once('.').unwrap_or((number, ""));
    let numerator = whole(&format!("{before}{after}"), text)?;
    let denominator =
        u32::try_from(after.len()).ok().and_then(|places| 10_u128.checked_pow(places));
    Ok((numerator, denominator.ok_or_else(|| RatioProblem::TooLong(text.to_owned()))?))
}

impl FromStr for Ratio {
    type Err = RatioProblem;

    fn from_str(text: &str) -> Result<Self, RatioProblem> {
        let negative = text.contains('-');
        let unsigned = |part: &str| {
            let part = part.trim();
            part.strip_prefix(['-', '+']).unwrap_or(part).to_owned()
        };
        let (numerator, denominator) = match text.split_once('/') {
            Some((above, below)) => {
                (whole(&unsigned(above), text)?, whole(&unsigned(below), text)?)
            }
            None => decimal(&unsigned(text), text)?,
        };
        if negative {
            return Err(RatioProblem::Negative(text.to_owned()));
        }
        Self::reduced(numerator, denominator, text)
    }
}

impl TryFrom<f64> for Ratio {
    type Error = RatioProblem;

    /// The fraction that the shortest decimal text of `value` stands for.
    fn try_from(value: f64) -> Result<Self, RatioProblem> {
        value.to_string().parse()
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator {
            1 => write!(f, "{}", self.numerator),
            denominator => write!(f, "{}/{denominator}", self.numerator),
        }
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RatioVisitor)
    }
}

struct RatioVisitor;

impl Visitor<'_> for RatioVisitor {
    type Value = Ratio;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a fraction such as \"2/3\" or a decimal such as 0.67")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Ratio, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Ratio, E> {
        value.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Ratio, E> {
        value.to_string().parse().map_err(E::custom)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Ratio, E> {
        Ratio::try_from(value).map_err(E::custom)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Ratio, E> {
        Err(E::invalid_type(Unexpected::Bool(value), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::{Ratio, RatioProblem};

    #[test]
    fn fractions_and_decimals_are_exact_and_in_lowest_terms() {
        for (text, numerator, denominator) in [
            ("2/3", 2, 3),
            ("4/3", 4, 3),
            ("51/100", 51, 100),
            ("67/100", 67, 100),
            ("0.67", 67, 100),
            ("0.50", 1, 2),
            (" 6 / 9 ", 2, 3),
            ("+1", 1, 1),
            (".5", 1, 2),
            ("4294967295/4294967294", u32::MAX, u32::MAX - 1),
            ("8589934590/2", u32::MAX, 1),
        ] {
            let ratio: Ratio = text.parse().unwrap();
            assert_eq!(
                (ratio.numerator(), ratio.denominator()),
                (numerator, denominator),
                "{text}"
            );
            assert_eq!(ratio.to_string().parse(), Ok(ratio));
        }
    }

    #[test]
    fn floating_point_numbers_mean_their_shortest_text() {
        for (value, text) in [(0.67, "67/100"), (0.5, "1/2"), (1.0, "1"), (1e-4, "1/10000")] {
            assert_eq!(Ratio::try_from(value).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_ratio_says_what_to_write() {
        let problems: Vec<String> = [
            "0",
            "0.0",
            "0/5",
            "2/0",
            "-1",
            "-2/3",
            "2/-3",
            "NaN",
            "inf",
            "",
            "2/",
            "/3",
            "two",
            "1/2/3",
            "1e3",
            "0.5/2",
            "4294967296",
            "0.123456789012",
            "99999999999999999999999999999999999999999",
        ]
        .map(|text| text.parse::<Ratio>().unwrap_err().to_string())
        .into();
        insta::assert_snapshot!(problems.join("\n"), @r#"
    the ratio `0` is 0, so that every answer would be aimed at the offset alone: write a number above 0, such as "2/3"
    the ratio `0.0` is 0, so that every answer would be aimed at the offset alone: write a number above 0, such as "2/3"
    the ratio `0/5` is 0, so that every answer would be aimed at the offset alone: write a number above 0, such as "2/3"
    the ratio `2/0` divides by 0: write a number from 1 below the stroke, such as "2/3"
    the ratio `-1` is negative: write a number above 0, such as "2/3"
    the ratio `-2/3` is negative: write a number above 0, such as "2/3"
    the ratio `2/-3` is negative: write a number above 0, such as "2/3"
    the ratio `NaN` is not a number: write a fraction such as "2/3" or a decimal such as 0.67
    the ratio `inf` is not a number: write a fraction such as "2/3" or a decimal such as 0.67
    the ratio `` is not a number: write a fraction such as "2/3" or a decimal such as 0.67
    the ratio `2/` is not a number: write a fraction such as "2/3" or a decimal such as 0.67
    the ratio `/3` is not a number: write a fraction such as "2/3" or a decimal such as 0.67
    the ratio `two` is not a number: write a fraction such as "2/3" or a decimal such as 0.67
    the ratio `1/2/3` is not a number: write a fraction such as "2/3" or a decimal such as 0.67
    the ratio `1e3` is not a number: write a fraction such as "2/3" or a decimal such as 0.67
    the ratio `0.5/2` is not a number: write a fraction such as "2/3" or a decimal such as 0.67
    the ratio `4294967296` has too many digits: both parts must be at most 4294967295; write a shorter fraction such as "2/3"
    the ratio `0.123456789012` has too many digits: both parts must be at most 4294967295; write a shorter fraction such as "2/3"
    the ratio `99999999999999999999999999999999999999999` has too many digits: both parts must be at most 4294967295; write a shorter fraction such as "2/3"
    "#);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(matches!(Ratio::try_from(f64::NAN), Err(RatioProblem::NotANumber(_))));
        assert!(matches!(Ratio::try_from(f64::INFINITY), Err(RatioProblem::NotANumber(_))));
        assert!(matches!(Ratio::try_from(-0.5), Err(RatioProblem::Negative(_))));
        assert!(matches!(Ratio::try_from(1e300), Err(RatioProblem::TooLong(_))));
        assert!(matches!(Ratio::try_from(1.0 / 3.0), Err(RatioProblem::TooLong(_))));
    }

    #[test]
    fn configuration_takes_texts_and_numbers() {
        let read =
            |text: &str| text.parse::<toml::Table>().unwrap()["ratio"].clone().try_into::<Ratio>();
        assert_eq!(read("ratio = \"2/3\"").unwrap(), Ratio::TWO_THIRDS);
        assert_eq!(read("ratio = 0.5").unwrap().to_string(), "1/2");
        assert_eq!(read("ratio = 2").unwrap().to_string(), "2");
        for bad in ["ratio = true", "ratio = [1, 2]", "ratio = nan", "ratio = -1", "ratio = 0"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
