//! The sorts of files that are taken.

kernel::labelled! {
    /// What a file is, by its bytes.
    pub enum FileKind("files.file_kind") {
        /// A picture.
        Png: "png", "PNG image", "Image PNG";
        /// A picture.
        Jpeg: "jpeg", "JPEG image", "Image JPEG";
        /// A picture.
        Webp: "webp", "WebP image", "Image WebP";
        /// A picture.
        Gif: "gif", "GIF image", "Image GIF";
        /// A document without scripts or files inside.
        Pdf: "pdf", "PDF document", "Document PDF";
        /// Text in UTF-8.
        Text: "text", "Text", "Texte";
    }
}

impl FileKind {
    /// What a name ends in, in lower case and without the dot.
    pub fn of_ending(ending: &str) -> Option<Self> {
        match ending {
            "png" => Some(Self::Png),
            "jpg" | "jpeg" => Some(Self::Jpeg),
            "webp" => Some(Self::Webp),
            "gif" => Some(Self::Gif),
            "pdf" => Some(Self::Pdf),
            "txt" | "log" => Some(Self::Text),
            _ => None,
        }
    }

    /// What a name of it ends in.
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
            Self::Gif => "gif",
            Self::Pdf => "pdf",
            Self::Text => "txt",
        }
    }

    /// The media type that it is delivered as.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
            Self::Gif => "image/gif",
            Self::Pdf => "application/pdf",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}
