//! The derives `Columns` (what is recorded) and `Answer` (what a model may answer).

mod answer;
mod columns;
mod input;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes the fields of a struct, or the labels of an enum, columns of a table.
///
/// * A struct with named fields has a column for each field; `[T; N]` has N columns, `name_00` to `name_NN`.
/// * A struct with one unnamed field has one column, named after the struct in snake case.
/// * An enum without data has one column of labels, and can be a field of another struct.
///
/// The doc comment of a field (of the type, for one column) is the column's entry in the data dictionary.
/// `#[column(name = "..")]` renames a column, `#[column(skip)]` leaves a field out.
#[proc_macro_derive(Columns, attributes(column))]
pub fn derive_columns(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    columns::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes a type something that a model can be asked for.
///
/// * An enum without data is a choice between its variants; the doc comment of each is read by the model.
/// * A struct with named fields is an answer of several parts, each with a doc comment.
/// * A struct with one unnamed field is an answer of that field's type.
///
/// `#[answer(min = 0, max = 100, decimals = 2)]` bounds a number, `#[answer(chars_max = 200)]` a text.
#[proc_macro_derive(Answer, attributes(answer))]
pub fn derive_answer(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    answer::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
