//! What both derives read from a type: doc comments, names, variants, and the path to the engine.

use proc_macro_crate::{FoundCrate, crate_name};
use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{Attribute, Error, Expr, Fields, Ident, Lit, Meta, Result, Variant};

/// The path of the engine in the caller's crate, through whichever of Throng's crates it depends on.
pub(crate) fn engine() -> TokenStream {
    let known = [
        ("throng-engine", quote!()),
        ("throng-systems", quote!(::engine)),
        ("throng", quote!(::engine)),
    ];
    for (package, inner) in known {
        match crate_name(package) {
            // A crate's own tests, examples and documentation know it by name, too.
            Ok(FoundCrate::Itself) => {
                let name = Ident::new(&package.replace('-', "_"), Span::call_site());
                return quote!(::#name #inner);
            }
            Ok(FoundCrate::Name(name)) => {
                let name = Ident::new(&name, Span::call_site());
                return quote!(::#name #inner);
            }
            Err(_) => {}
        }
    }
    quote!(::throng::engine)
}

/// The doc comment in one line, or nothing.
pub(crate) fn doc(attributes: &[Attribute]) -> Option<String> {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(text) => match &text.lit {
                Lit::Str(line) => Some(line.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    let text = lines.collect::<Vec<_>>().join(" ").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

/// `SomeName` as `some_name`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, letter) in name.chars().enumerate() {
        if letter.is_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The variants of an enum, which must carry no data and number 1 to 255.
pub(crate) fn plain_variants<'a>(
    name: &Ident,
    variants: impl IntoIterator<Item = &'a Variant>,
) -> Result<Vec<&'a Variant>> {
    let variants: Vec<_> = variants.into_iter().collect();
    if let Some(variant) = variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit)) {
        return Err(Error::new_spanned(variant, "a variant of this enum must not carry data"));
    }
    if variants.is_empty() || variants.len() > 255 {
        return Err(Error::new_spanned(name, "this enum needs 1 to 255 variants"));
    }
    Ok(variants)
}

/// An error for types that are generic, which tables and answers cannot be.
pub(crate) fn refuse_generics(input: &syn::DeriveInput) -> Result<()> {
    if input.generics.params.is_empty() {
        return Ok(());
    }
    Err(Error::new_spanned(
        &input.generics,
        "a generic type cannot be derived; name a concrete type",
    ))
}
