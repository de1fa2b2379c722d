//! The derive of `Answer`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    Attribute, Data, DeriveInput, Error, Expr, Field, Fields, FieldsNamed, Ident, Result, Variant,
};

use crate::input::{doc, engine, plain_variants, refuse_generics, snake_case};

const UNDOCUMENTED: &str = "document this part of the answer: the model reads the doc comment";

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    refuse_generics(input)?;
    match &input.data {
        Data::Enum(data) => of_enum(&input.ident, &plain_variants(&input.ident, &data.variants)?),
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => of_parts(&input.ident, fields),
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
                of_newtype(input, &fields.unnamed[0])
            }
            _ => {
                let message =
                    "an answer is an enum, a struct with named fields or with a single unnamed one";
                Err(Error::new_spanned(&input.ident, message))
            }
        },
        Data::Union(_) => Err(Error::new_spanned(&input.ident, "a union cannot be answered")),
    }
}

fn of_enum(name: &Ident, variants: &[&Variant]) -> Result<TokenStream> {
    let engine = engine();
    let mut choices = Vec::new();
    for variant in variants {
        let text = doc(&variant.attrs).ok_or_else(|| Error::new_spanned(variant, UNDOCUMENTED))?;
        let label = snake_case(&variant.ident.to_string());
        choices.push(quote!(#engine::Choice { label: #label, description: #text }));
    }
    let idents = variants.iter().map(|variant| &variant.ident);
    let places = 0..variants.len();
    Ok(quote! {
        #[automatically_derived]
        impl #engine::Answer for #name {
            fn shape() -> #engine::Shape {
                #engine::Shape::Choice(::std::vec![#(#choices),*])
            }
            fn from_value(
                value: &#engine::AnswerValue,
                shape: &#engine::Shape,
            ) -> ::std::result::Result<Self, #engine::Rejection> {
                match value.choice(shape)? {
                    #(#places => ::std::result::Result::Ok(Self::#idents),)*
                    other => ::std::unreachable!("choice {other} of {}", ::std::stringify!(#name)),
                }
            }
        }
    })
}

fn of_newtype(input: &DeriveInput, field: &Field) -> Result<TokenStream> {
    let (engine, name, value) = (engine(), &input.ident, &field.ty);
    let shape = bounded(&engine, value, field.attrs.iter().chain(&input.attrs))?;
    Ok(quote! {
        #[automatically_derived]
        impl #engine::Answer for #name {
            fn shape() -> #engine::Shape {
                #shape
            }
            fn from_value(
                value: &#engine::AnswerValue,
                shape: &#engine::Shape,
            ) -> ::std::result::Result<Self, #engine::Rejection> {
                <#value as #engine::Answer>::from_value(value, shape).map(Self)
            }
        }
    })
}

fn of_parts(name: &Ident, fields: &FieldsNamed) -> Result<TokenStream> {
    let engine = engine();
    let mut parts = Vec::new();
    let mut reads = Vec::new();
    for field in &fields.named {
        let member = field.ident.as_ref().expect("fields of this struct are named");
        let text = doc(&field.attrs).ok_or_else(|| Error::new_spanned(field, UNDOCUMENTED))?;
        let (label, value) = (member.to_string(), &field.ty);
        let shape = bounded(&engine, value, &field.attrs)?;
        parts.push(quote!(#engine::Part { name: #label, description: #text, shape: #shape }));
        reads.push(
            quote!(#member: value.part(shape, #label, <#value as #engine::Answer>::from_value)?),
        );
    }
    Ok(quote! {
        #[automatically_derived]
        impl #engine::Answer for #name {
            fn shape() -> #engine::Shape {
                #engine::Shape::Object(::std::vec![#(#parts),*])
            }
            fn from_value(
                value: &#engine::AnswerValue,
                shape: &#engine::Shape,
            ) -> ::std::result::Result<Self, #engine::Rejection> {
                ::std::result::Result::Ok(Self { #(#reads),* })
            }
        }
    })
}

/// The shape of a part, narrowed by what `#[answer(..)]` says.
fn bounded<'a>(
    engine: &TokenStream,
    value: &syn::Type,
    attributes: impl IntoIterator<Item = &'a Attribute>,
) -> Result<TokenStream> {
    let own = quote!(<#value as #engine::Answer>::shape());
    let mut narrowed = quote!(#own);
    for attribute in attributes.into_iter().filter(|attribute| attribute.path().is_ident("answer"))
    {
        attribute.parse_nested_meta(|meta| {
            let narrow = |method: TokenStream| quote!(#narrowed.#method);
            narrowed = if meta.path.is_ident("min") {
                let bound: Expr = meta.value()?.parse()?;
                narrow(quote!(with_min((#bound) as f64)))
            } else if meta.path.is_ident("max") {
                let bound: Expr = meta.value()?.parse()?;
                narrow(quote!(with_max((#bound) as f64)))
            } else if meta.path.is_ident("decimals") {
                let decimals: Expr = meta.value()?.parse()?;
                narrow(quote!(with_decimals(#decimals)))
            } else if meta.path.is_ident("chars_max") {
                let count: Expr = meta.value()?.parse()?;
                narrow(quote!(with_chars_max(#count)))
            } else {
                return Err(meta
                    .error("write `min`, `max`, `decimals` or `chars_max`, each with `= value`"));
            };
            Ok(())
        })?;
    }
    Ok(narrowed)
}
