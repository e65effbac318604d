//! The mail about what happened to tickets: to one of them, or as a digest. It says that something happened and never what was
//! written: that is read where it is, by whoever still may.

use super::{Facts, Reader};
use crate::email::letter::Letter;
use domain::notifications::WrittenIn;
use domain::notifications::email::NewsOfThread;
use domain::notifications::feed::{NotificationTopic, ThreadId};
use kernel::{Labelled as _, Language};

/// Tickets that a digest names; of more it says how many.
pub(crate) const NAMED: usize = 20;

pub(super) fn news(reader: &Reader, news: &[NewsOfThread], facts: &Facts<'_>) -> Letter {
    let (subject, action) = if let [one] = news {
        let link = facts.links.ticket(one.thread_id);
        (subject(reader, one, facts), reader.action("Ouvrir la demande", "Open the ticket", link))
    } else {
        let count = news.len();
        let subject = reader.picks(format!("Du nouveau sur {count} demandes"), format!("News about {count} tickets"));
        (subject, reader.action("Voir mes notifications", "See my notifications", facts.links.notifications()))
    };
    let preview = reader
        .says("Ce qui s'est passé et que vous n'avez pas encore vu.", "What happened that you have not seen yet.");
    let mut paragraphs: Vec<String> = news.iter().take(NAMED).map(|one| line(reader, one, facts)).collect();
    if news.len() > NAMED {
        let more = news.len() - NAMED;
        paragraphs.push(reader.picks(format!("Et {more} autres demandes."), format!("And {more} more tickets.")));
    }
    let preferences = facts.links.notifications();
    Letter {
        paragraphs,
        action: Some(action),
        notes: vec![reader.picks(
            format!("Choisir quels e-mails vous recevez, ou n'en plus recevoir : {preferences}"),
            format!("Choose which mails you get, or get none any more: {preferences}"),
        )],
        footer: reader.picks(
            "Ce message a été envoyé selon vos préférences de notification ; il ne sert à rien d'y répondre.",
            "This message was sent according to your notification preferences; there is no need to answer it.",
        ),
        ..reader.letter(subject, preview)
    }
}

/// What a ticket is called: by its number, where that is known.
fn name(reader: &Reader, thread_id: ThreadId, facts: &Facts<'_>) -> String {
    match facts.numbers.get(&thread_id) {
        Some(number) => number.to_string(),
        None => reader.says("une demande", "a ticket"),
    }
}

/// `TKT-00042 : Nouveau message du client (2), Demande résolue`.
fn line(reader: &Reader, news: &NewsOfThread, facts: &Facts<'_>) -> String {
    let language = reader.picks(Language::Fr, Language::En);
    let counts = news.counts.iter().map(|counted| match counted.count {
        1 => counted.topic.label(language).to_owned(),
        count => format!("{} ({count})", counted.topic.label(language)),
    });
    let (name, counts) = (name(reader, news.thread_id, facts), counts.collect::<Vec<_>>().join(", "));
    reader.picks(format!("{name} : {counts}"), format!("{name}: {counts}"))
}

fn subject(reader: &Reader, news: &NewsOfThread, facts: &Facts<'_>) -> String {
    let name = name(reader, news.thread_id, facts);
    let [only] = &news.counts[..] else {
        return reader.picks(format!("Du nouveau : {name}"), format!("News about {name}"));
    };
    match reader.language {
        WrittenIn::Fr => match only.topic {
            NotificationTopic::Answered => format!("Réponse à votre demande : {name}"),
            NotificationTopic::Resolved => format!("Demande résolue : {name}"),
            NotificationTopic::Closed => format!("Demande fermée : {name}"),
            NotificationTopic::Reopened => format!("Demande rouverte : {name}"),
            NotificationTopic::Assigned => format!("Cette demande vous est confiée : {name}"),
            NotificationTopic::CustomerReplied => format!("Le client a écrit : {name}"),
            NotificationTopic::Noted => format!("Un collègue a laissé une note : {name}"),
            NotificationTopic::DueSoon => format!("Échéance proche : {name}"),
            NotificationTopic::Overdue => format!("Échéance dépassée : {name}"),
        },
        WrittenIn::En => match only.topic {
            NotificationTopic::Answered => format!("Your ticket was answered: {name}"),
            NotificationTopic::Resolved => format!("Resolved: {name}"),
            NotificationTopic::Closed => format!("Closed: {name}"),
            NotificationTopic::Reopened => format!("Reopened: {name}"),
            NotificationTopic::Assigned => format!("Assigned to you: {name}"),
            NotificationTopic::CustomerReplied => format!("The customer wrote: {name}"),
            NotificationTopic::Noted => format!("A colleague left a note: {name}"),
            NotificationTopic::DueSoon => format!("Due soon: {name}"),
            NotificationTopic::Overdue => format!("Overdue: {name}"),
        },
    }
}
