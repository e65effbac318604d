//! What files are handed over for, and what is taken for each.

use super::kind::FileKind;

/// A mebibyte.
const MIB: i64 = 1024 * 1024;
const IMAGES: &[FileKind] = &[FileKind::Png, FileKind::Jpeg, FileKind::Webp, FileKind::Gif];
const DOCUMENTS: &[FileKind] =
    &[FileKind::Png, FileKind::Jpeg, FileKind::Webp, FileKind::Gif, FileKind::Pdf, FileKind::Text];

kernel::labelled! {
    /// What a file is handed over for.
    pub enum FilePurpose("files.file_purpose") {
        /// To show it on a ticket.
        TicketAttachment: "ticket_attachment", "Ticket attachment", "Pièce jointe d'un ticket";
        /// To show it in a conversation.
        ConversationImage: "conversation_image", "Image in a conversation", "Image d'une conversation";
    }
}

/// What is taken for a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePolicy {
    /// The longest file.
    pub most_bytes: i64,
    /// What it may be.
    pub kinds: &'static [FileKind],
}

impl FilePurpose {
    /// What is taken for it.
    pub const fn policy(self) -> FilePolicy {
        match self {
            Self::TicketAttachment => FilePolicy { most_bytes: 20 * MIB, kinds: DOCUMENTS },
            Self::ConversationImage => FilePolicy { most_bytes: 10 * MIB, kinds: IMAGES },
        }
    }
}
