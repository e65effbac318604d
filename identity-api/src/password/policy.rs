//! Which passwords are refused: short ones, the ones that everybody tries first, and the owner's own name.
//!
//! No rules about digits and signs: they make people write `Password1!` (NIST SP 800-63B-4, 3.1.1.2; OWASP ASVS 5.0,
//! 6.2). Nothing is cut off, nothing is normalised: the bytes are the password.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Fewest characters.
pub const MIN_CHARS: usize = 8;
/// Longest password. Far beyond what anybody types; a bound on what is hashed.
pub const MAX_BYTES: usize = 1024;
/// From how many characters on a name or the address counts as a hint.
const MIN_HINT_CHARS: usize = 4;

/// Why a password is refused. Codes never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// It has fewer than eight characters.
    TooShort,
    /// It has more than 1,024 bytes.
    TooLong,
    /// It is among the first that are guessed, or such a one with a few digits or signs around it.
    Common,
    /// It is made of what everybody knows about its owner.
    Personal,
}

impl Weakness {
    /// Stable, for machines.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooShort => "password_too_short",
            Self::TooLong => "password_too_long",
            Self::Common => "password_too_common",
            Self::Personal => "password_too_personal",
        }
    }

    /// What is wrong.
    pub const fn detail(self) -> &'static str {
        match self {
            Self::TooShort => "the password has fewer than 8 characters",
            Self::TooLong => "the password has more than 1024 bytes",
            Self::Common => "the password is one of those that are guessed first",
            Self::Personal => "the password is made of your name or address",
        }
    }

    /// What to do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::TooShort => "Take four or five words that do not belong together; spaces are fine.",
            Self::TooLong => "Take a shorter one; 64 characters are plenty.",
            Self::Common | Self::Personal => {
                "Digits and signs at the end do not help. Take four or five words that do not belong together, or let a \
                 password manager make one."
            }
        }
    }
}

/// The words and passwords that are tried first, one per line, in lower case.
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common.txt").lines().filter(|line| !line.is_empty()).collect());

/// Whether a password may be chosen. `hints` is what others know about its owner: his address and names.
///
/// # Errors
/// Why not.
pub fn check(password: &str, hints: &[&str]) -> Result<(), Weakness> {
    if password.len() > MAX_BYTES {
        return Err(Weakness::TooLong);
    }
    if password.chars().count() < MIN_CHARS {
        return Err(Weakness::TooShort);
    }
    if is_common(password) {
        return Err(Weakness::Common);
    }
    if hints.iter().flat_map(|hint| parts(hint)).any(|part| is_made_of(password, &part)) {
        return Err(Weakness::Personal);
    }
    Ok(())
}

fn is_common(password: &str) -> bool {
    let lower = password.to_lowercase();
    let plain = unleet(&lower);
    let known = |text: &str| COMMON.contains(text);
    known(&lower)
        || known(&plain)
        || known(core_of(&lower))
        || known(core_of(&plain))
        || known(&unleet(core_of(&lower)))
        || is_sequence(&lower)
        || is_repetition(&lower, &known)
}

/// Without the digits and signs around it: `«P@ssw0rd123!` is a password with decoration.
fn core_of(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphabetic())
}

/// The letters that digits and signs stand for.
fn unleet(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '0' => 'o',
            '1' | '!' | '|' => 'i',
            '3' | '€' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            c => c,
        })
        .collect()
}

/// `12345678`, `hgfedcba`, `qwertyuiop`: each character follows the one before on a keyboard or in the alphabet.
fn is_sequence(text: &str) -> bool {
    const ROWS: [&str; 8] = [
        "01234567890",
        "abcdefghijklmnopqrstuvwxyz",
        "qwertyuiop",
        "asdfghjkl",
        "zxcvbnm",
        "azertyuiop",
        "qsdfghjklm",
        "wxcvbn",
    ];
    let follows = |a: char, b: char| {
        ROWS.iter().any(|row| {
            let pair: String = [a, b].iter().collect();
            let back: String = [b, a].iter().collect();
            row.contains(&pair) || row.contains(&back)
        })
    };
    let characters: Vec<char> = text.chars().collect();
    // One or two jumps between rows (`qwertyasdf`) are still no thought.
    let jumps = characters.windows(2).filter(|pair| !follows(pair[0], pair[1])).count();
    jumps <= characters.len() / 6
}

/// `aaaaaaaa`, `abcabcabc`, `passpass`: a short piece or a common word, again and again.
fn is_repetition(text: &str, known: &dyn Fn(&str) -> bool) -> bool {
    let characters: Vec<char> = text.chars().collect();
    (1..=characters.len().div_ceil(2)).any(|length| {
        let piece = &characters[..length];
        let repeats = characters.chunks(length).all(|chunk| chunk == &piece[..chunk.len()]);
        repeats && (length <= 4 || known(core_of(&piece.iter().collect::<String>())))
    })
}

/// What of an address or a name somebody would try: `ada.lovelace@example.com` gives the local part, `ada`, `lovelace`
/// and `example`.
fn parts(hint: &str) -> Vec<String> {
    let lower = hint.to_lowercase();
    let (local, domain) = lower.split_once('@').unwrap_or((&lower, ""));
    let company = domain.rsplit_once('.').map_or("", |(name, _)| name);
    let words = [local, company].into_iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    let joined = local.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
    words
        .map(str::to_owned)
        .chain([local.to_owned(), joined])
        .filter(|word| word.chars().count() >= MIN_HINT_CHARS)
        .collect()
}

/// Whether little but the part is left of a password: fewer characters than a password must have.
fn is_made_of(password: &str, part: &str) -> bool {
    let lower = password.to_lowercase();
    [lower.clone(), unleet(&lower)].iter().any(|text| {
        let rest = text.replace(part, "");
        rest.len() < text.len() && rest.chars().count() < MIN_CHARS
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_tries_first_is_refused() {
        assert!(COMMON.len() >= 3_000, "{}", COMMON.len());
        for password in [
            "password",
            "Password",
            "PASSWORD1",
            "P@ssw0rd",
            "p@$$w0rd!",
            "motdepasse",
            "MotDePasse123!",
            "azertyuiop",
            "Azerty123!",
            "qwerty12345",
            "12345678",
            "123456789012",
            "87654321",
            "aaaaaaaa",
            "abcabcabc",
            "abcdefgh",
            "iloveyou2",
            "jetaime!!",
            "Soleil2024",
            "Welcome1",
            "Bienvenue1!",
            "administrator",
            "letmein!!",
            "00000000",
            "qwertyasdf",
            "passpass",
            "chocolat75",
            "Sillage2026",
            "marseille13",
            "doudoudou",
            "password password",
        ] {
            assert_eq!(check(password, &[]), Err(Weakness::Common), "{password}");
        }
    }

    #[test]
    fn every_listed_password_is_refused() {
        for word in COMMON.iter() {
            let weakness = check(word, &[]).unwrap_err();
            assert!(matches!(weakness, Weakness::Common | Weakness::TooShort), "{word}");
            assert_eq!(*word, word.to_lowercase());
        }
    }

    #[test]
    fn length_is_counted_in_characters_and_nothing_is_cut_off() {
        assert_eq!(check("zF7#qLm", &[]), Err(Weakness::TooShort));
        assert_eq!(check("", &[]), Err(Weakness::TooShort));
        assert_eq!(check("éàüßñøåç", &[]), Ok(()));
        assert_eq!(check(&"correct horse battery staple ".repeat(3), &[]), Ok(()));
        let longest: String = ('!'..='~').cycle().step_by(7).take(MAX_BYTES).collect();
        assert_eq!(check(&longest, &[]), Ok(()));
        assert_eq!(check(&format!("{longest}x"), &[]), Err(Weakness::TooLong));
    }

    #[test]
    fn a_good_password_needs_no_digit_and_no_sign() {
        for password in [
            "correct horse battery staple",
            "gulmohar-trellis",
            "je mange trois kiwis",
            "vT9kwq2LmX",
            "ткань облако восемь",
            "marseille under the rain",
            "password managers are fine by me",
        ] {
            assert_eq!(check(password, &["ada@example.com", "Ada", "Lovelace"]), Ok(()), "{password}");
        }
    }

    #[test]
    fn what_everybody_knows_about_its_owner_is_refused() {
        let hints = ["ada.lovelace@analytical.example", "Augusta", "Byron"];
        for password in
            ["Lovelace1", "ada.lovelace", "AdaLovelace!", "l0velace99", "Augusta1815", "byron-byron", "analytical1"]
        {
            assert_eq!(check(password, &hints), Err(Weakness::Personal), "{password}");
        }
        assert_eq!(check("lovelace wrote the first program", &hints), Ok(()));
        // Three letters are in half of all passwords.
        assert_eq!(check("canada-moose", &["ada@example.com"]), Ok(()));
    }
}
