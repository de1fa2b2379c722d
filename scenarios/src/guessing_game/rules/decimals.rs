//! Decimals in configuration files: numbers with at most four decimals, kept exactly.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};
use throng_engine::Decimal;

/// Writes a whole number as an integer and any other as a decimal.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
pub(super) fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
    if value.units() % Decimal::SCALE == 0 {
        serializer.serialize_i32(value.units() / Decimal::SCALE)
    } else {
        serializer.serialize_f64(value.to_f64())
    }
}

/// Reads an integer or a number with at most four decimals.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    deserializer.deserialize_any(DecimalVisitor)
}

struct DecimalVisitor;

impl Visitor<'_> for DecimalVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number with at most {} decimals", Decimal::PLACES)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Decimal, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Decimal, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Decimal, E> {
        if value.is_nan() {
            return Err(E::custom("`nan` is not a number: write one such as 0 or 12.5"));
        }
        let nearest = Decimal::nearest(value, Decimal::PLACES).ok_or_else(|| {
            let (low, high) = (Decimal::MIN, Decimal::MAX);
            E::custom(format!("{value} is out of range: write a number from {low} to {high}"))
        })?;
        if nearest.to_f64().total_cmp(&(value + 0.0)).is_ne() {
            let places = Decimal::PLACES;
            return Err(E::custom(format!(
                "{value} has more than {places} decimals: write {nearest}, if that is meant"
            )));
        }
        Ok(nearest)
    }
}
