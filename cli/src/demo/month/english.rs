//! The parts in English.

use super::topics::{Phrases, Topic};

pub(super) const PHRASES: Phrases = Phrases {
    hello: &["Hello,", "Hi there,", "Good morning,", "Dear team,"],
    bye: &[
        "Thank you!",
        "Thanks in advance for your help.",
        "Kind regards.",
        "Looking forward to hearing from you.",
        "",
    ],
    greet: &["Hi {name},", "Hello {name}, thanks for getting in touch.", "Hi {name}, thank you for letting us know."],
    sign: &[
        "Have a lovely day!",
        "Just reply here if anything is unclear.",
        "Best wishes, Studio Lumière",
        "We are happy to help.",
    ],
    again: &[
        "Unfortunately the problem came back this morning.",
        "I am reopening this: it still fails on my phone.",
        "It worked once and then stopped again. Could you take another look?",
    ],
    sorry: &[
        "Sorry about that: the setting had not been saved. It is fixed for good now.",
        "Thanks for telling us. There was a second cause, which we have dealt with.",
    ],
    resolved: &["Answered", "Fixed and confirmed", "Explained", "Settled by phone"],
    no_answer: &["No answer for several days", "We have not heard back"],
    cancelled: &["Found the answer in your help pages.", "My mistake, sorry.", "No longer needed."],
    pleased: &["Quick and very clear, thank you!", "Perfect.", "Lovely team, as always.", "Solved in one message."],
    content: &["Fine, though I had to ask twice.", "All right.", "Good answer, a bit slow."],
    displeased: &[
        "Far too slow for such a simple question.",
        "I expected better after paying the deposit.",
        "I was asked the same thing three times.",
    ],
    twice: &["Just following up: did you see my first message?", "Same question as before, with one more detail."],
};

pub(super) const TOPICS: &[Topic] = &[
    Topic {
        category: "technical",
        priorities: [5, 50, 35, 10],
        weight: 9,
        tags: &["gallery", "download"],
        slots: [&["wedding", "family", "engagement", "christening"], &["Chrome", "Safari", "Firefox", "my phone"]],
        subjects: &[
            "Cannot download the {a} gallery",
            "Download stops half way",
            "Photos missing from the {a} archive",
        ],
        questions: &[
            "The “Download all” button of our {a} gallery spins for ever in {b}. I tried twice.",
            "The archive with the {a} photos stops at about 80% every time. I am using {b}.",
            "Some of the {a} photos are missing from the file. Could {b} be the reason?",
        ],
        asks: &[
            "Could you tell us when you tried, and whether it mentions disk space?",
            "Would you be able to try from a computer on Wi-Fi?",
        ],
        tells: &[
            "Around nine last night, and no mention of disk space.",
            "Just tried on the laptop: better, but it still stops.",
        ],
        solutions: &[
            "Your gallery is larger than 4 GB, so we split it into three archives. The links are in your account.",
            "We prepared the archive again; the new link is good for seven days.",
        ],
        notes: &[
            "Archive > 4 GB, preparation times out after ten minutes.",
            "Three retries from the same address in the logs.",
        ],
    },
    Topic {
        category: "billing",
        priorities: [20, 60, 18, 2],
        weight: 8,
        tags: &["invoice"],
        slots: [&["F-2044", "F-2069", "F-2091", "F-2125", "F-2139"], &["deposit", "balance", "album", "prints"]],
        subjects: &["Invoice {a} is wrong", "VAT on invoice {a}", "Question about the {b} payment"],
        questions: &[
            "Invoice {a} does not show the {b} I have already paid. Could you correct it?",
            "Invoice {a} charges 20% VAT although our company is registered in Ireland.",
            "I was charged twice for the {b}, reference {a}. What should I do?",
        ],
        asks: &[
            "Could you give us the date of the charge and the last four digits of the card?",
            "Which address and VAT number should be on the invoice?",
        ],
        tells: &[
            "The charge was on the 3rd, card ending 1182.",
            "It is the Dublin office; the VAT number is on the order.",
        ],
        solutions: &[
            "The corrected invoice is in your account; the old one is cancelled by a credit note.",
            "The second charge was only an authorisation and will disappear within five days.",
        ],
        notes: &["Credit note to be approved by accounting.", "Authorisation never captured by the payment provider."],
    },
    Topic {
        category: "account",
        priorities: [10, 60, 25, 5],
        weight: 6,
        tags: &["sign-in"],
        slots: [
            &["forgotten password", "new address", "six-digit code"],
            &["this morning", "since yesterday", "since the update"],
        ],
        subjects: &["I cannot sign in any more", "Sign-in fails: {a}", "Access for my partner"],
        questions: &[
            "I cannot sign in {b}. I followed the “{a}” steps but no mail arrives.",
            "We would like my partner to have access to the gallery as well, with an account of his own.",
            "My account seems to be locked {b}. Could you unlock it?",
        ],
        asks: &["It may be in the junk folder: could you have a look?", "Which address do you use to sign in?"],
        tells: &["Nothing in the junk folder either.", "The same address as on the booking."],
        solutions: &[
            "A new link is on its way; it is good for an hour.",
            "We have invited your partner: he chooses his own password.",
        ],
        notes: &["Address bounced twice at the provider.", "Locked after ten tries, released by itself."],
    },
    Topic {
        category: "other",
        priorities: [15, 55, 25, 5],
        weight: 6,
        tags: &["appointment"],
        slots: [
            &["on Saturday morning", "on Wednesday", "on the 14th", "next weekend"],
            &["because of the weather", "for health reasons", "since the venue has changed"],
        ],
        subjects: &["Moving our session {a}", "Can we postpone?", "When should we arrive?"],
        questions: &[
            "Could we move the session that is planned {a} {b}? We are free the week after.",
            "We have to postpone {b}. Is the deposit still good?",
            "When should we arrive {a}, and is there somewhere to change?",
        ],
        asks: &["Would the following Saturday at ten suit you?", "Would you rather be outdoors or in the studio?"],
        tells: &["Yes, Saturday at ten is perfect.", "In the studio, please: we have two small children."],
        solutions: &[
            "Done: the session is moved and the deposit stays good.",
            "Your slot is confirmed, and there is a room to change in.",
        ],
        notes: &["Tell Mina about the equipment.", "Second time they postpone: offer a fixed date."],
    },
    Topic {
        category: "bug",
        priorities: [5, 40, 40, 15],
        weight: 6,
        tags: &["album", "display"],
        slots: [&["on the tablet", "on the phone", "in full screen"], &["a blank page", "shifted photos", "no cover"]],
        subjects: &["Album preview shows {b}", "The album editor does not open {a}", "Error when approving the album"],
        questions: &[
            "The preview of our album shows {b} {a}. We would like to order before Friday.",
            "When I approve the album I get {b} and nothing happens. It only does so {a}.",
        ],
        asks: &[
            "Could you send a screenshot, and tell us which device it is?",
            "Is it the same after clearing the cache?",
        ],
        tells: &["It is a tablet from 2021 with the latest system.", "Exactly the same after clearing the cache."],
        solutions: &[
            "That was our fault: it has been fixed since noon, and the preview shows correctly.",
            "We approved the album for you; the proof is in your account.",
        ],
        notes: &["Reproduced on an old tablet: the font does not load.", "Told the developers."],
    },
    Topic {
        category: "feature_request",
        priorities: [70, 28, 2, 0],
        weight: 3,
        tags: &["idea"],
        slots: [&["favourites", "comments", "the slideshow"], &["with our family", "on the television", "in one link"]],
        subjects: &["Suggestion: {a}", "An idea for the gallery"],
        questions: &["It would be wonderful to share {a} {b}. Is that planned?", "Could we show {a} {b} one day?"],
        asks: &["Thank you for the idea! How many people would use it?"],
        tells: &["The whole family, about thirty people."],
        solutions: &[
            "We have put your idea on our list and will tell you when it comes.",
            "Good news: it is planned for next quarter.",
        ],
        notes: &["Third wish of this kind this month."],
    },
    Topic {
        category: "other",
        priorities: [10, 50, 32, 8],
        weight: 5,
        tags: &["delivery", "prints"],
        slots: [&["album", "prints", "gift box"], &["ten days", "two weeks", "three weeks"]],
        subjects: &["Where is the {a}?", "Parcel not received", "{a}: late delivery"],
        questions: &[
            "I ordered the {a} and have heard nothing for {b}. Where is the parcel?",
            "Tracking says that the {a} was delivered, but nothing arrived here.",
            "A corner of the {a} is damaged. How do I get it replaced?",
        ],
        asks: &["Could you check with your neighbours or the caretaker?", "Would you have a photo of the damage?"],
        tells: &["The caretaker has nothing, I asked this morning.", "Here it is: you can see the corner well."],
        solutions: &[
            "The carrier has found it: it comes the day after tomorrow.",
            "We are printing it again at our cost; it leaves within three days.",
        ],
        notes: &["Inquiry opened with the carrier.", "Reprint granted, to be charged to the supplier."],
    },
    Topic {
        category: "integration",
        priorities: [25, 55, 18, 2],
        weight: 2,
        tags: &["calendar"],
        slots: [
            &["Google Calendar", "Outlook", "my phone's calendar"],
            &["twice", "an hour late", "not at all any more"],
        ],
        subjects: &["Syncing with {a}", "Appointments show {b} in {a}"],
        questions: &["Since I linked {a}, sessions show {b}. What should I change?"],
        asks: &["Which time zone is set in {a}?"],
        tells: &["It was still set to New York, indeed."],
        solutions: &["With the time zone corrected, remove the old link and paste the new one: that sorts it out."],
        notes: &["The time zone again; write an article."],
    },
];
