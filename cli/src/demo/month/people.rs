//! The customers and agents of the month. None of them exists, and no mail leaves for where their addresses are.

use crate::demo::people::{Person, TENANT};
use crate::demo::users::{DOMAIN, Newcomer, USERS};
use domain::identity::{Role, UserId};
use kernel::ActorId;
use serde_json::json;

/// How many customers write.
pub(super) const CUSTOMERS: usize = FRENCH_NAMES.len() + ENGLISH_NAMES.len();
/// How many work at the desk.
pub(super) const AGENTS: usize = DESK.len();

const FRENCH_NAMES: [(&str, &str); 36] = [
    ("Manon", "Lecomte"),
    ("Thomas", "Perrot"),
    ("Chloé", "Vasseur"),
    ("Julien", "Delattre"),
    ("Amélie", "Rousselet"),
    ("Nicolas", "Guérin"),
    ("Pauline", "Charrier"),
    ("Mehdi", "Belkacem"),
    ("Sophie", "Maillard"),
    ("Antoine", "Lebrun"),
    ("Léa", "Fournel"),
    ("Romain", "Tessier"),
    ("Camille", "Barbier"),
    ("Hélène", "Joubert"),
    ("Maxime", "Colin"),
    ("Aïcha", "Diarra"),
    ("Vincent", "Pasquier"),
    ("Margaux", "Leroux"),
    ("Bastien", "Gauthier"),
    ("Élodie", "Marchal"),
    ("Karim", "Ouali"),
    ("Justine", "Renaud"),
    ("Damien", "Bertin"),
    ("Inès", "Carpentier"),
    ("Florian", "Hubert"),
    ("Nathalie", "Baron"),
    ("Quentin", "Lemoine"),
    ("Sarah", "Benhamou"),
    ("Guillaume", "Picard"),
    ("Océane", "Meunier"),
    ("Adrien", "Vidal"),
    ("Clara", "Poirier"),
    ("Mathieu", "Besson"),
    ("Lucie", "Ferrand"),
    ("Samir", "Haddou"),
    ("Anaïs", "Roussel"),
];

const ENGLISH_NAMES: [(&str, &str); 24] = [
    ("Emily", "Hartley"),
    ("Oliver", "Bennett"),
    ("Sophia", "Keane"),
    ("Daniel", "Whitmore"),
    ("Grace", "Adeyemi"),
    ("Liam", "O'Rourke"),
    ("Hannah", "Sutton"),
    ("Ethan", "Marlow"),
    ("Chloe", "Pritchard"),
    ("Noah", "Castellan"),
    ("Isla", "Mackenzie"),
    ("Jack", "Thornton"),
    ("Ava", "Lindqvist"),
    ("Henry", "Osborne"),
    ("Mia", "Fernandes"),
    ("Samuel", "Whitaker"),
    ("Freya", "Collins"),
    ("George", "Haverford"),
    ("Ruby", "Ashworth"),
    ("Arjun", "Patel"),
    ("Lucy", "Farrow"),
    ("Ben", "Kowalski"),
    ("Niamh", "Gallagher"),
    ("Tom", "Radley"),
];

const DESK: [(&str, &str); 5] =
    [("Margot", "Deschamps"), ("Hugo", "Lenoir"), ("Alice", "Turner"), ("Sofiane", "Amrani"), ("Julie", "Keller")];

/// Somebody of the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Who {
    /// Writes to the desk.
    Customer(usize),
    /// Works there.
    Agent(usize),
    /// Runs it; known from elsewhere in the demo.
    Admin,
}

impl Who {
    /// Whoever is of the month alone, and is to have an account.
    pub(super) fn newcomers() -> impl Iterator<Item = Self> {
        (0..CUSTOMERS).map(Self::Customer).chain((0..AGENTS).map(Self::Agent))
    }

    /// So many of those who are written to in French, or in English, beginning with one of them.
    pub(super) fn readers(french: bool, first: usize, count: usize) -> impl Iterator<Item = Self> {
        let (begin, all) = if french { (0, FRENCH_NAMES.len()) } else { (FRENCH_NAMES.len(), ENGLISH_NAMES.len()) };
        (0..count.min(all)).map(move |number| Self::Customer(begin + (first + number * 7) % all))
    }

    /// How he is called and whether he is written to in French.
    const fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Customer(number) if number < FRENCH_NAMES.len() => FRENCH_NAMES[number],
            Self::Customer(number) => ENGLISH_NAMES[(number - FRENCH_NAMES.len()) % ENGLISH_NAMES.len()],
            Self::Agent(number) => DESK[number % AGENTS],
            Self::Admin => ("", ""),
        }
    }

    pub(super) const fn given_name(self) -> &'static str {
        self.name().0
    }

    /// Whether he is written to in French.
    pub(super) const fn is_french(self) -> bool {
        match self {
            Self::Customer(number) => number < FRENCH_NAMES.len(),
            Self::Agent(_) | Self::Admin => true,
        }
    }

    pub(super) const fn role(self) -> Role {
        match self {
            Self::Customer(_) => Role::SupportCustomer,
            Self::Agent(_) => Role::SupportAgent,
            Self::Admin => Role::SupportAdmin,
        }
    }

    pub(super) fn id(self) -> ActorId {
        match self {
            Self::Customer(number) => Person::id_of(0x10_0000 + number as u128),
            Self::Agent(number) => Person::id_of(0x20_0000 + number as u128),
            Self::Admin => {
                let admin = USERS.iter().find(|user| user.role == self.role());
                admin.map_or(ActorId(uuid::Uuid::nil()), |user| user.id().into())
            }
        }
    }

    /// What he is to be in the demo tenant.
    pub(super) fn newcomer(self) -> Newcomer {
        let (given_name, family_name) = self.name();
        let plain = |name: &str| -> String {
            let plain = |letter: char| match letter {
                'é' | 'è' | 'ê' | 'É' => Some('e'),
                'ï' => Some('i'),
                letter if letter.is_ascii_alphabetic() => Some(letter.to_ascii_lowercase()),
                _ => None,
            };
            name.chars().filter_map(plain).collect()
        };
        let email = format!("{}.{}@{DOMAIN}", plain(given_name), plain(family_name));
        Newcomer {
            id: UserId(self.id().0),
            person: json!({ "given_name": given_name, "family_name": family_name, "email": email }),
            locale: if self.is_french() { "fr" } else { "en" },
            role: self.role(),
            tenant_id: TENANT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn everybody_is_somebody_else() {
        let people: Vec<Newcomer> = Who::newcomers().map(Who::newcomer).collect();
        let emails: HashSet<String> = people.iter().map(|somebody| somebody.person["email"].to_string()).collect();
        let ids: HashSet<UserId> = people.iter().map(|somebody| somebody.id).collect();
        assert_eq!((emails.len(), ids.len()), (people.len(), people.len()));
        assert!(USERS.iter().all(|user| !ids.contains(&user.id()) && !emails.contains(&user.email())));
        assert!(USERS.iter().any(|user| user.id().0 == Who::Admin.id().0));
        assert_eq!(Who::readers(false, 5, 9).collect::<HashSet<_>>().len(), 9);
    }
}
