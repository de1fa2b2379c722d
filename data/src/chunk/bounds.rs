//! Least and greatest values as Parquet writes them, for pages and for chunks.

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

/// A value in the order in which Parquet compares its type.
pub(super) trait Bound: Ord + Clone {
    /// The value's bytes in the page index.
    fn bytes(&self) -> Vec<u8>;

    /// The chunk's statistics; `nans` is there for floats only.
    fn statistics(bounds: Option<(Self, Self)>, nulls: u64, nans: Option<u64>) -> Statistics;
}

/// `signed` is whether old readers compare the type as Parquet does now.
fn statistics<T>(bounds: Option<(T, T)>, nulls: u64, nans: Option<u64>, signed: bool) -> Statistics
where
    Statistics: From<ValueStatistics<T>>,
{
    let (min, max) = bounds.unzip();
    ValueStatistics::new(min, max, None, Some(nulls), false)
        .with_nan_count(nans)
        .with_backwards_compatible_min_max(signed)
        .into()
}

impl Bound for i32 {
    fn bytes(&self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64, nans: Option<u64>) -> Statistics {
        statistics(bounds, nulls, nans, true)
    }
}

impl Bound for i64 {
    fn bytes(&self) -> Vec<u8> {
        self.to_le_bytes().to_vec()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64, nans: Option<u64>) -> Statistics {
        statistics(bounds, nulls, nans, true)
    }
}

impl Bound for String {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64, nans: Option<u64>) -> Statistics {
        let bounds = bounds.map(|(min, max)| {
            (ByteArray::from(min.into_bytes()), ByteArray::from(max.into_bytes()))
        });
        statistics(bounds, nulls, nans, false)
    }
}

/// A 32-bit float in the total order of IEEE 754, as a key that orders like an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ordered32(i32);

/// A 64-bit float in the total order of IEEE 754, as a key that orders like an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ordered64(i64);

impl Ordered32 {
    /// Negative floats ascend as their bits descend, so that all bits but the sign are turned.
    pub(super) fn new(value: f32) -> Self {
        let bits = value.to_bits().cast_signed();
        Self(bits ^ (((bits >> 31).cast_unsigned()) >> 1).cast_signed())
    }

    /// The float; the transformation is its own inverse.
    fn value(self) -> f32 {
        f32::from_bits(Self::new(f32::from_bits(self.0.cast_unsigned())).0.cast_unsigned())
    }
}

impl Ordered64 {
    /// Negative floats ascend as their bits descend, so that all bits but the sign are turned.
    pub(super) fn new(value: f64) -> Self {
        let bits = value.to_bits().cast_signed();
        Self(bits ^ (((bits >> 63).cast_unsigned()) >> 1).cast_signed())
    }

    /// The float; the transformation is its own inverse.
    fn value(self) -> f64 {
        f64::from_bits(Self::new(f64::from_bits(self.0.cast_unsigned())).0.cast_unsigned())
    }
}

impl Bound for Ordered32 {
    fn bytes(&self) -> Vec<u8> {
        self.value().to_le_bytes().to_vec()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64, nans: Option<u64>) -> Statistics {
        statistics(bounds.map(|(min, max)| (min.value(), max.value())), nulls, nans, false)
    }
}

impl Bound for Ordered64 {
    fn bytes(&self) -> Vec<u8> {
        self.value().to_le_bytes().to_vec()
    }

    fn statistics(bounds: Option<(Self, Self)>, nulls: u64, nans: Option<u64>) -> Statistics {
        statistics(bounds.map(|(min, max)| (min.value(), max.value())), nulls, nans, false)
    }
}
