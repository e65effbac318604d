//! By what bytes are found.

use object_store::path::Path;
use std::fmt;
use uuid::Uuid;

/// Which bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// As they came from outside: nobody is given these.
    Incoming,
    /// As they are kept.
    Whole,
    /// A small picture.
    Thumbnail,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Incoming, Self::Whole, Self::Thumbnail];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Incoming => "incoming",
            Self::Whole => "whole",
            Self::Thumbnail => "thumbnail",
        }
    }
}

/// Where bytes are: a tenant's, then an id that nobody can guess, then which of the file's. Nothing in it comes from a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// In whose data.
    pub tenant_id: Uuid,
    /// Which file's.
    pub object_id: Uuid,
    /// Which bytes.
    pub part: Part,
}

impl Key {
    /// Of a file's bytes.
    pub const fn new(tenant_id: Uuid, object_id: Uuid, part: Part) -> Self {
        Self { tenant_id, object_id, part }
    }

    /// What [`fmt::Display`] writes, back; nothing else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let (tenant_id, object_id) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let last = parts.next()?;
        let part = Part::ALL.into_iter().find(|part| part.as_str() == last)?;
        let key = Self { tenant_id, object_id, part };
        (key.to_string() == text).then_some(key)
    }

    pub(crate) fn path(self) -> Path {
        Path::from(self.to_string())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.tenant_id, self.object_id, self.part.as_str())
    }
}
