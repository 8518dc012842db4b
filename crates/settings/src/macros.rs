//! Macros that make structs and tables from definitions.

/// Makes a struct from the definitions of flags, with a field for the value of each. It has
/// the table of the flags (`GROUPS`), reads their values, and implements
/// [`Flags`](crate::Flags).
///
/// ```
/// use std::path::PathBuf;
/// use std::time::Duration;
///
/// use settings::{Within, settings};
///
/// const DAY: Duration = Duration::from_secs(86_400);
///
/// settings! {
///     /// Settings of requests.
///     pub struct Asking {
///         "Backend" => {
///             /// deadline of a request
///             timeout: Duration = "30s", within: Within::Durations(Duration::ZERO..=DAY);
///
///             /// file with a bearer token
///             token_file: Option<PathBuf>, secret: true;
///
///             /// header to send along
///             header: Vec<String>, variables: &["HEADERS"], value_name: "header";
///         }
///     }
/// }
/// ```
///
/// A string starts a group and is its heading. The name of a field is the name of its flag
/// (`--token-file`) and variable (`TOKEN_FILE`), unless `variables` names others; the doc
/// comment is the help text. The type is a [`Shape`](crate::Shape): a
/// [`Syntax`](crate::Syntax) with a default, an `Option` or a `Vec`. Fields of
/// [`Setting`](crate::Setting) may follow, and after a heading fields of
/// [`Group`](crate::Group).
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $about:tt])+
        $vis:vis struct $name:ident {$(
            $title:literal $(, $group_key:ident : $group_value:expr)* => {$(
                $(#[doc = $help:tt])+
                $field:ident : $shape:ty $(= $default:expr)? $(, $key:ident : $value:expr)* ;
            )*}
        )+}
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        // Help texts are no Markdown.
        #[allow(rustdoc::bare_urls, rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]
        $vis struct $name {$($(
            $(#[doc = $help])+
            $vis $field: <$shape as $crate::Shape>::Value,
        )*)+}

        impl $name {
            /// The flags, by group.
            // A group may set every field.
            #[allow(clippy::needless_update)]
            $vis const GROUPS: &'static [$crate::Group] = &[$(
                $crate::Group {
                    title: $title,
                    settings: &[$(
                        $crate::Setting {
                            flag: $crate::derived_name!(flag_name, 2, $field),
                            help: concat!($($help, "\n"),+),
                            $(default: Some($default),)?
                            $($key: $value,)*
                            ..$crate::Setting {
                                variables: {
                                    const NAMES: &[&str] =
                                        &[$crate::derived_name!(variable_name, 0, $field)];
                                    NAMES
                                },
                                ..$crate::Setting::of::<$shape>()
                            }
                        }
                    ),*],
                    $($group_key: $group_value,)*
                    ..$crate::Group::EMPTY
                }
            ),+];

            /// The flag spelt `flag`. In a constant, one that does not exist fails the build.
            ///
            /// # Panics
            /// When there is no such flag.
            #[allow(dead_code)]
            $vis const fn setting(flag: &str) -> &'static $crate::Setting {
                $crate::find(Self::GROUPS, flag)
            }

            /// Reads the value of each flag.
            ///
            /// # Errors
            /// When a value is refused.
            $vis fn read(given: &mut $crate::Given<'_>) -> Result<Self, $crate::UsageError> {
                use $crate::argh;

                /// The arguments of the groups.
                #[derive(argh::FromArgs)]
                struct Typed {$($(
                    #[argh(option, hidden_help)]
                    $field: Vec<String>,
                )*)+}

                let args = given.begin(Self::GROUPS);
                let args: Vec<&str> = args.iter().map(String::as_str).collect();
                let typed = <Typed as argh::FromArgs>::from_args(&[""], &args)
                    .expect("known flags, each followed by a value");
                Ok(Self {$($(
                    $field: given.next::<$shape>(typed.$field)?,
                )*)+})
            }

        }

        impl $crate::Flags for $name {
            fn groups(&self) -> &'static [$crate::Group] {
                Self::GROUPS
            }

            fn texts(&self) -> Vec<Vec<String>> {
                vec![$($(<$shape as $crate::Shape>::print(&self.$field)),*),+]
            }
        }
    };
}

/// Combines structs that [`settings!`](crate::settings) makes: a struct with a field for
/// each, in the order of the help.
#[macro_export]
macro_rules! flag_sets {
    (
        $(#[doc = $about:tt])+
        $vis:vis struct $name:ident { $($field:ident : $flags:ty,)+ }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        #[allow(missing_docs)]
        $vis struct $name { $($vis $field: $flags,)+ }

        impl $name {
            /// The groups of each set.
            $vis const GROUPS: &'static [&'static [$crate::Group]] = &[$(<$flags>::GROUPS),+];

            /// Reads the value of each flag, and checks the conditions between them.
            ///
            /// # Errors
            /// When a value is refused, or flags that cannot be combined.
            $vis fn read(given: &mut $crate::Given<'_>) -> Result<Self, $crate::UsageError> {
                let flags = Self { $($field: <$flags>::read(given)?,)+ };
                given.check(&flags.sets())?;
                Ok(flags)
            }

            /// Each set.
            $vis fn sets(&self) -> Vec<&dyn $crate::Flags> {
                vec![$(&self.$field),+]
            }
        }
    };
}

/// Makes a [`Syntax`](crate::Syntax) from a closed set of words.
///
/// ```
/// # #[derive(Clone, Copy)]
/// # pub enum Color { Auto, Never }
/// # impl Color {
/// #     const ALL: [Self; 2] = [Self::Auto, Self::Never];
/// #     fn label(self) -> &'static str { "auto" }
/// # }
/// settings::words! {
///     /// Use of colours.
///     pub struct ColorWord(Color) = Color::ALL, Color::label;
/// }
/// ```
#[macro_export]
macro_rules! words {
    (
        $(#[doc = $about:tt])+
        $vis:vis struct $name:ident($value:ty) = $all:expr, $word:expr;
    ) => {
        $(#[doc = $about])+
        #[derive(Debug)]
        $vis struct $name;

        impl $crate::Syntax for $name {
            type Value = $value;
            const VALUE_NAME: &'static str = "";

            fn words() -> Vec<&'static str> {
                $all.iter().copied().map($word).collect()
            }

            fn expected(_: &$crate::Within) -> String {
                $crate::one_of(&Self::words())
            }

            fn parse(text: &str, within: &$crate::Within) -> Result<$value, String> {
                $all.iter()
                    .copied()
                    .find(|value| $word(*value) == text)
                    .ok_or_else(|| Self::expected(within))
            }

            fn print(value: &$value) -> String {
                $word(*value).to_owned()
            }
        }
    };
}

/// Converts the name of a field, in a constant.
#[doc(hidden)]
#[macro_export]
macro_rules! derived_name {
    ($spelling:ident, $longer:literal, $field:ident) => {{
        const FIELD: &str = $crate::field_name(stringify!($field));
        const LENGTH: usize = FIELD.len() + $longer;
        const BYTES: [u8; LENGTH] = $crate::$spelling(FIELD);
        match ::std::str::from_utf8(&BYTES) {
            Ok(name) => name,
            Err(_) => panic!("fields are named in ASCII"),
        }
    }};
}

/// `for` of `r#for`.
#[doc(hidden)]
pub const fn field_name(field: &str) -> &str {
    match field.as_bytes() {
        [b'r', b'#', ..] => field.split_at(2).1,
        _ => field,
    }
}

/// `--scrape-interval` of `scrape_interval`.
#[doc(hidden)]
pub const fn flag_name<const N: usize>(field: &str) -> [u8; N] {
    let mut name = [b'-'; N];
    let mut index = 0;
    while index + 2 < N {
        name[index + 2] = match field.as_bytes()[index] {
            b'_' => b'-',
            letter => letter,
        };
        index += 1;
    }
    name
}

/// `SCRAPE_INTERVAL` of `scrape_interval`.
#[doc(hidden)]
pub const fn variable_name<const N: usize>(field: &str) -> [u8; N] {
    let mut name = [b'_'; N];
    let mut index = 0;
    while index < N {
        name[index] = field.as_bytes()[index].to_ascii_uppercase();
        index += 1;
    }
    name
}
