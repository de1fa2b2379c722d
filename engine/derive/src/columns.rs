//! The derive of `Columns`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Data, DeriveInput, Error, Expr, ExprLit, Field, Fields, Lit, LitStr, Member, Result, Type,
};

use crate::input::{doc, engine, plain_variants, refuse_generics, snake_case};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    refuse_generics(input)?;
    match &input.data {
        Data::Struct(data) => of_struct(input, &data.fields),
        Data::Enum(data) => {
            let variants = plain_variants(&input.ident, &data.variants)?;
            let labels: Vec<_> =
                variants.iter().map(|variant| snake_case(&variant.ident.to_string())).collect();
            Ok(of_enum(input, &labels))
        }
        Data::Union(_) => Err(Error::new_spanned(&input.ident, "a union has no columns")),
    }
}

/// A field as one column or, for an array, several.
struct Source {
    member: Member,
    name: String,
    doc: String,
    value: Type,
    length: Option<usize>,
}

fn of_struct(input: &DeriveInput, fields: &Fields) -> Result<TokenStream> {
    let mut sources = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let attributes = Attributes::of(field)?;
        if !attributes.skip {
            sources.push(source(input, fields, index, field, attributes)?);
        }
    }
    if sources.is_empty() {
        return Err(Error::new_spanned(&input.ident, "a struct without fields has no columns"));
    }
    Ok(implementation(input, &sources))
}

fn source(
    input: &DeriveInput,
    fields: &Fields,
    index: usize,
    field: &Field,
    attributes: Attributes,
) -> Result<Source> {
    let own = match &field.ident {
        Some(name) => name.to_string(),
        None if fields.len() == 1 => snake_case(&input.ident.to_string()),
        None => {
            let message = "a column needs a name: name the fields, or have a single unnamed one";
            return Err(Error::new_spanned(field, message));
        }
    };
    let member = field.ident.clone().map_or_else(|| Member::from(index), Member::Named);
    let text =
        doc(&field.attrs).or_else(|| field.ident.is_none().then(|| doc(&input.attrs)).flatten());
    let (value, length) = match &field.ty {
        Type::Array(array) => ((*array.elem).clone(), Some(length_of(&array.len)?)),
        other => (other.clone(), None),
    };
    let name = attributes.name.unwrap_or(own);
    Ok(Source { member, name, doc: text.unwrap_or_default(), value, length })
}

fn length_of(length: &Expr) -> Result<usize> {
    match length {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse(),
        other => Err(Error::new_spanned(other, "write the array's length as a number")),
    }
}

fn implementation(input: &DeriveInput, sources: &[Source]) -> TokenStream {
    let (engine, name) = (engine(), &input.ident);
    let mut specs = Vec::new();
    let mut fills = Vec::new();
    let mut place = 0_usize;
    for Source { member, name, doc, value, length } in sources {
        let count = length.unwrap_or(1);
        for element in 0..count {
            let column =
                if length.is_some() { format!("{name}_{element:02}") } else { name.clone() };
            let get = if length.is_some() {
                quote!(&row.#member[#element])
            } else {
                quote!(&row.#member)
            };
            specs.push(quote!(#engine::record::ColumnSpec::of::<#value>(#column, #doc)));
            fills.push(quote! {
                columns[#place].extend::<#value>(rows.clone().map(|row| row.map(|row| #get)));
            });
            place += 1;
        }
    }
    quote! {
        #[automatically_derived]
        impl #engine::record::Columns for #name {
            fn columns() -> ::std::vec::Vec<#engine::record::ColumnSpec> {
                ::std::vec![#(#specs),*]
            }
            fn extend<'a>(
                rows: impl ::std::iter::Iterator<Item = ::std::option::Option<&'a Self>> + ::std::clone::Clone,
                columns: &mut [#engine::record::Column],
            ) {
                #(#fills)*
            }
        }
    }
}

fn of_enum(input: &DeriveInput, labels: &[String]) -> TokenStream {
    let (engine, name) = (engine(), &input.ident);
    let column = snake_case(&name.to_string());
    let text = doc(&input.attrs).unwrap_or_default();
    let Data::Enum(data) = &input.data else { unreachable!("only called for enums") };
    let variants = data.variants.iter().map(|variant| &variant.ident);
    let codes = 0..labels.len() as u8;
    quote! {
        #[automatically_derived]
        impl #engine::record::ColumnValue for #name {
            fn kind() -> #engine::record::ColumnKind {
                #engine::record::ColumnKind::Category(&[#(#labels),*])
            }
            fn extend<'a>(
                values: &mut #engine::record::Values,
                rows: impl ::std::iter::Iterator<Item = ::std::option::Option<&'a Self>>,
            ) {
                #engine::record::extend_category(values, rows, |row: &Self| match row {
                    #(Self::#variants => #codes,)*
                });
            }
        }

        #[automatically_derived]
        impl #engine::record::Columns for #name {
            fn columns() -> ::std::vec::Vec<#engine::record::ColumnSpec> {
                ::std::vec![#engine::record::ColumnSpec::of::<Self>(#column, #text)]
            }
            fn extend<'a>(
                rows: impl ::std::iter::Iterator<Item = ::std::option::Option<&'a Self>> + ::std::clone::Clone,
                columns: &mut [#engine::record::Column],
            ) {
                columns[0].extend::<Self>(rows);
            }
        }
    }
}

/// What `#[column(..)]` says.
#[derive(Default)]
struct Attributes {
    skip: bool,
    name: Option<String>,
}

impl Attributes {
    fn of(field: &Field) -> Result<Self> {
        let mut found = Self::default();
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("column"))
        {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("skip") {
                    found.skip = true;
                    Ok(())
                } else if meta.path.is_ident("name") {
                    found.name = Some(column_name(&meta.value()?.parse()?)?);
                    Ok(())
                } else {
                    Err(meta.error("write `skip` or `name = \"..\"`"))
                }
            })?;
        }
        Ok(found)
    }
}

fn column_name(text: &LitStr) -> Result<String> {
    let name = text.value();
    let fits =
        |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    if !name.is_empty() && name.chars().all(fits) {
        return Ok(name);
    }
    Err(Error::new_spanned(text, "a column's name has lower-case letters, digits and underscores"))
}
