//! Names for people: every enumerated value has a French and an English one.

/// A language that people are spoken to in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// English.
    En,
    /// French.
    Fr,
}

/// An enumerated value with a name for people.
pub trait Labelled: Copy + Sized + 'static {
    /// The name of the enumeration as it stands in the API: `support.ticket_status`.
    const NAME: &'static str;
    /// Every value, in the order in which people expect to see them.
    const ALL: &'static [Self];
    /// The stored spelling.
    fn as_str(self) -> &'static str;
    /// The name for people.
    fn label(self, language: Language) -> &'static str;
}

/// Declares an enumeration with its stored spelling, the mission's spelling (accepted on input) and its
/// labels, one line per value:
///
/// `labelled! { /// docs pub enum Priority("support.ticket_priority") { Low: "low" | "LOW", "Low", "Basse"; } }`
// The spellings are `tt`, not `literal`: a literal fragment reaches derives inside an invisible group, which serde
// reads and utoipa does not, and the API document would show the Rust names.
#[macro_export]
macro_rules! labelled {
    ($(#[$meta:meta])* $visibility:vis enum $name:ident($api_name:literal) {
        $($(#[$value_meta:meta])* $value:ident: $stored:tt $(| $alias:tt)*, $en:literal, $fr:literal;)+
    }) => {
        $(#[$meta])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord,
            ::serde::Serialize, ::serde::Deserialize, ::utoipa::ToSchema,
        )]
        $visibility enum $name {
            $(
                $(#[$value_meta])*
                #[serde(rename = $stored $(, alias = $alias)*)]
                $value,
            )+
        }

        impl $crate::Labelled for $name {
            const NAME: &'static str = $api_name;
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn as_str(self) -> &'static str {
                match self { $(Self::$value => $stored,)+ }
            }

            fn label(self, language: $crate::Language) -> &'static str {
                match (self, language) {
                    $(
                        (Self::$value, $crate::Language::En) => $en,
                        (Self::$value, $crate::Language::Fr) => $fr,
                    )+
                }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str($crate::Labelled::as_str(*self))
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::labelled! {
        /// A colour.
        enum Colour("test.colour") {
            /// Red.
            Red: "red" | "ROUGE", "Red", "Rouge";
            /// Dark blue.
            DarkBlue: "dark_blue" | "BLEU" | "BLEU_FONCE", "Dark blue", "Bleu foncé";
        }
    }

    #[test]
    fn the_missions_spelling_is_read_and_ours_is_written() {
        for spelling in ["dark_blue", "BLEU", "BLEU_FONCE"] {
            let colour: Colour = serde_json::from_value(spelling.into()).unwrap();
            assert_eq!(serde_json::to_value(colour).unwrap(), "dark_blue");
        }
        let schema = serde_json::to_value(<Colour as utoipa::PartialSchema>::schema()).unwrap();
        assert_eq!(schema["enum"], serde_json::json!(["red", "dark_blue"]));
        assert_eq!(Colour::DarkBlue.label(Language::Fr), "Bleu foncé");
        assert_eq!(Colour::ALL.len(), 2);
    }
}
