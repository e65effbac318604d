//! Every text of the console, a file per language. Names of enumerated values are the domain's own.

mod en;
mod fr;
mod refusals;

use kernel::Language;

/// Declares the texts, and lists them for whoever looks at all of them.
macro_rules! texts {
    ($($name:ident),+ $(,)?) => {
        /// The texts of one language. A language that lacks one does not compile.
        #[derive(Debug)]
        pub(crate) struct Texts {
            /// As `lang` and the switch name the language.
            pub(crate) code: &'static str,
            /// January to December, short.
            pub(crate) months: [&'static str; 12],
            /// What stands between thousands.
            pub(crate) thousands: &'static str,
            $(pub(crate) $name: &'static str,)+
        }

        #[cfg(test)]
        impl Texts {
            /// All texts by their names.
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name)),+]
            }
        }
    };
}

texts! {
    skip, rooms, other_language, other_language_short, change_theme, shortcuts, close, key_search,
    key_rows, phase_waiting, phase_loading, phase_writing, phase_indexing, phase_catching_up, key_reply, key_send, key_help, live, any, filter, search,
    pages, first_page, next_page, show, change, refused, not_found, not_allowed,
    failed, trace, back_to_start, no_room, no_room_about, sign_in, sign_in_about, sign_out,
    email, password, second_factor, sign_in_failed, second_factor_asked, second_factor_wrong, too_many_tries, desk,
    desk_about, open_now, in_progress_now, waiting_now, urgent_ever, median_answer, satisfaction_lately, tickets_per_day,
    last_30_days, first_answers, last_8_weeks, as_table, day, week_until, median, nine_in_ten,
    tickets, search_hint, no_tickets, unread_only, list_updated, ticket_updated, number, subject,
    status, priority, category, assignee, updated, unread, unread_messages, nobody, you,
    the_desk, the_system, messages, write, reply, reply_hint, reply_hint_desk, reopen, send,
    note, note_hint, keep_note, assign, facts, customer, tags, opened_at,
    assigned_at, message_count, first_response, resolved_at, closed_at, satisfaction, merged_into, open_it,
    activities, history, history_about, moment, changes, field, before, after,
    was_opened, was_asked, was_answered, was_noted, was_assigned, was_unassigned, was_moved, was_prioritised,
    was_read, projections, projections_about, read_model, generation, state, position, gap,
    lag, parked, serving, kept, paused, state_live, state_building, state_failed,
    state_diverged, rows, events_per_second, left, acts, rebuild, rebuild_about, when_built,
    switch_ask, switch_auto, switch_never, reason, compare, comparison, same, differs,
    hash, rows_changed, rows_new, rows_gone, rows_undecided, switch_to_it, pause, resume,
    cancel, retire, rollback, rollback_about, events, event, event_category, event_type,
    stream, actor, story, from_position, recorded, happened, command, cause,
    epoch, payload, follow, stop_following, no_events, story_about, depth,
    notifications, no_notifications, topic, what_happened, mark_all_read, preferences, preferences_about, shown_here,
    by_mail, mail_language, as_in_account, new_ticket, open_ticket, question, add_tags, tags_hint, add,
    remove_tag, merge_into, merge, unmerge, no_such_number, mute, unmute, muted_about, unmuted_about,
}

impl Texts {
    /// What a build is doing; its own name where it is a new one.
    pub(crate) fn phase<'a>(&'a self, phase: &'a str) -> &'a str {
        match phase {
            "waiting" => self.phase_waiting,
            "loading" => self.phase_loading,
            "writing" => self.phase_writing,
            "indexing" => self.phase_indexing,
            "catching_up" => self.phase_catching_up,
            other => other,
        }
    }

    /// What a button says that does this to a generation.
    pub(crate) fn act(&self, act: &str) -> &'static str {
        match act {
            "switch" => self.switch_to_it,
            "pause" => self.pause,
            "resume" => self.resume,
            "cancel" => self.cancel,
            _ => self.retire,
        }
    }
}

/// The texts of a language.
pub(crate) const fn of(language: Language) -> &'static Texts {
    match language {
        Language::En => &en::TEXTS,
        Language::Fr => &fr::TEXTS,
    }
}

/// The language that somebody has chosen.
pub(crate) fn language(chosen: Option<&str>) -> Option<Language> {
    match chosen {
        Some("en") => Some(Language::En),
        Some("fr") => Some(Language::Fr),
        _ => None,
    }
}

/// The language that a browser likes best, as `Accept-Language` says it; English where it likes none of ours.
pub(crate) fn preferred(accepted: &str) -> Language {
    let mut best = (0.0, Language::En);
    for range in accepted.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default().split('-').next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |text| text.parse().unwrap_or(0.0));
        if let Some(language) = language(Some(&name))
            && quality > best.0
        {
            best = (quality, language);
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Words that are the same in both languages.
    const SAME: [&str; 11] = [
        "pages",
        "tickets",
        "messages",
        "notifications",
        "the_system",
        "the_desk",
        "satisfaction",
        "moment",
        "position",
        "event_type",
        "live",
    ];

    #[test]
    fn every_text_is_there_in_both_languages() {
        let (english, french) = (of(Language::En).all(), of(Language::Fr).all());
        assert!(english.len() > 100);
        for ((name, english), (other, french)) in english.iter().zip(&french) {
            assert_eq!(name, other);
            for text in [english, french] {
                assert!(!text.trim().is_empty() && text.trim() == *text && !text.contains('\''), "{name}: {text:?}");
            }
            assert!(english != french || SAME.contains(name), "{name} is the same in both languages: {english:?}");
        }
    }

    #[test]
    fn every_text_is_shown_somewhere() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut pages = String::new();
        for place in ["templates", "src", "src/rooms", "src/texts"] {
            for file in std::fs::read_dir(folder.join(place)).unwrap() {
                let path = file.unwrap().path();
                let is_list = path.ends_with("texts/en.rs") || path.ends_with("texts/fr.rs");
                if path.is_file() && !is_list {
                    pages += &std::fs::read_to_string(path).unwrap();
                }
            }
        }
        let used: BTreeSet<&str> = pages
            .split(|letter: char| !(letter.is_alphanumeric() || "._".contains(letter)))
            .flat_map(|word| word.split('.').skip(1))
            .collect();
        let unused: Vec<&str> =
            of(Language::En).all().into_iter().map(|(name, _)| name).filter(|name| !used.contains(name)).collect();
        assert!(unused.is_empty(), "no page shows {unused:?}");
    }

    #[test]
    fn the_browser_says_which_language() {
        for (accepted, expected) in [
            ("fr-FR,fr;q=0.9,en;q=0.8", Language::Fr),
            ("en-GB,en;q=0.9,fr;q=0.8", Language::En),
            ("de,fr;q=0.4,en;q=0.2", Language::Fr),
            ("de, FR ; q=0.4", Language::Fr),
            ("fr;q=0,de", Language::En),
            ("", Language::En),
        ] {
            assert_eq!(preferred(accepted), expected, "{accepted}");
        }
        assert_eq!(language(Some("de")), None);
    }
}
