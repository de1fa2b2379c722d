//! Arrow arrays, batch by batch, into one plain column.

use crate::schema::{ColumnSchema, Kind};
use crate::table::{CATEGORIES_MAX, Column, Values};
use crate::text::Text;
use arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, StringArray};
use arrow::datatypes::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use std::collections::BTreeMap;

/// A column that grows by arrays.
#[derive(Debug)]
pub(crate) struct Collector {
    schema: ColumnSchema,
    values: Collected,
    valid: Option<Vec<bool>>,
}

#[derive(Debug)]
enum Collected {
    I32(Vec<i32>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bool(Vec<bool>),
    Text(Text),
    Category(Categories),
    TimestampUs(Vec<i64>),
}

impl Collector {
    pub(crate) fn new(schema: ColumnSchema) -> Self {
        let values = match schema.kind {
            Kind::I32 => Collected::I32(Vec::new()),
            Kind::I64 => Collected::I64(Vec::new()),
            Kind::F32 => Collected::F32(Vec::new()),
            Kind::F64 => Collected::F64(Vec::new()),
            Kind::Bool => Collected::Bool(Vec::new()),
            Kind::Text => Collected::Text(Text::default()),
            Kind::Category => Collected::Category(Categories::default()),
            Kind::TimestampUs => Collected::TimestampUs(Vec::new()),
        };
        let valid = schema.nullable.then(Vec::new);
        Self { schema, values, valid }
    }

    /// Adds an array; the error says how it differs from the schema.
    pub(crate) fn push(&mut self, array: &ArrayRef) -> Result<(), String> {
        self.push_valid(array)?;
        let pushed = match &mut self.values {
            Collected::I32(values) => extend::<Int32Type>(values, array),
            Collected::I64(values) => extend::<Int64Type>(values, array),
            Collected::F32(values) => extend::<Float32Type>(values, array),
            Collected::F64(values) => extend::<Float64Type>(values, array),
            Collected::TimestampUs(values) => extend::<TimestampMicrosecondType>(values, array),
            Collected::Bool(values) => array.as_boolean_opt().map(|array| {
                values.extend((0..array.len()).map(|row| array.is_valid(row) && array.value(row)));
            }),
            Collected::Text(text) => array.as_string_opt::<i32>().map(|array| {
                (0..array.len()).for_each(|row| text.push(text_of(array, row)));
            }),
            Collected::Category(categories) => categories.push(array)?,
        };
        pushed.ok_or_else(|| {
            let (name, kind) = (&self.schema.name, self.schema.kind.word());
            format!("column `{name}` is {} where the schema has {kind}", array.data_type())
        })
    }

    fn push_valid(&mut self, array: &ArrayRef) -> Result<(), String> {
        match &mut self.valid {
            Some(valid) => valid.extend((0..array.len()).map(|row| array.is_valid(row))),
            None if array.null_count() > 0 => {
                return Err(format!("column `{}` lacks values", self.schema.name));
            }
            None => {}
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Column {
        let values = match self.values {
            Collected::I32(values) => Values::I32(values),
            Collected::I64(values) => Values::I64(values),
            Collected::F32(values) => Values::F32(values),
            Collected::F64(values) => Values::F64(values),
            Collected::Bool(values) => Values::Bool(values),
            Collected::Text(text) => Values::Text(text),
            Collected::Category(categories) => categories.finish(),
            Collected::TimestampUs(values) => Values::TimestampUs(values),
        };
        let ColumnSchema { name, doc, unit, .. } = self.schema;
        Column { name, doc, unit, values, valid: self.valid }
    }
}

/// Appends a whole array; rows without a value get the type's zero.
fn extend<T: ArrowPrimitiveType>(values: &mut Vec<T::Native>, array: &ArrayRef) -> Option<()> {
    let array: &PrimitiveArray<T> = array.as_primitive_opt()?;
    if array.null_count() == 0 {
        values.extend_from_slice(array.values());
    } else {
        values.extend(array.iter().map(Option::unwrap_or_default));
    }
    Some(())
}

fn text_of(array: &StringArray, row: usize) -> &str {
    if array.is_valid(row) { array.value(row) } else { "" }
}

/// Codes whose meaning does not change from batch to batch.
#[derive(Debug, Default)]
struct Categories {
    codes: Vec<u16>,
    names: Vec<String>,
    by_name: BTreeMap<String, u16>,
}

impl Categories {
    fn push(&mut self, array: &ArrayRef) -> Result<Option<()>, String> {
        let Some(dictionary) = array.as_dictionary_opt::<Int32Type>() else { return Ok(None) };
        let Some(names) = dictionary.values().as_string_opt::<i32>() else { return Ok(None) };
        let ours: Vec<u16> =
            (0..names.len()).map(|row| self.code(text_of(names, row))).collect::<Result<_, _>>()?;
        for key in dictionary.keys() {
            let code = match key {
                Some(key) => usize::try_from(key).ok().and_then(|key| ours.get(key)).copied(),
                None => Some(self.placeholder()?),
            };
            self.codes.push(code.ok_or("a code has no name")?);
        }
        Ok(Some(()))
    }

    /// A row without a value needs some code all the same.
    fn placeholder(&mut self) -> Result<u16, String> {
        if self.names.is_empty() { self.code("") } else { Ok(0) }
    }

    fn code(&mut self, name: &str) -> Result<u16, String> {
        if let Some(&code) = self.by_name.get(name) {
            return Ok(code);
        }
        let code = u16::try_from(self.names.len())
            .map_err(|_| format!("it has more than {CATEGORIES_MAX} categories"))?;
        self.names.push(name.to_owned());
        self.by_name.insert(name.to_owned(), code);
        Ok(code)
    }

    fn finish(self) -> Values {
        let narrow: Result<Vec<u8>, _> =
            self.codes.iter().map(|&code| u8::try_from(code)).collect();
        match narrow {
            Ok(codes) => Values::Category { codes, names: self.names },
            Err(_) => Values::Category16 { codes: self.codes, names: self.names },
        }
    }
}
