//! What is written to the support of a photographer's studio, and what it answers: the parts from which a month is put together.

/// What a conversation is about. `{a}` and `{b}` stand for what [`Topic::slots`] has to choose from.
pub(super) struct Topic {
    pub(super) category: &'static str,
    /// Low, medium, high, urgent: how often each.
    pub(super) priorities: [usize; 4],
    /// How often it comes up.
    pub(super) weight: usize,
    pub(super) tags: &'static [&'static str],
    pub(super) slots: [&'static [&'static str]; 2],
    pub(super) subjects: &'static [&'static str],
    pub(super) questions: &'static [&'static str],
    /// What an agent asks back.
    pub(super) asks: &'static [&'static str],
    /// What the customer says to that.
    pub(super) tells: &'static [&'static str],
    pub(super) solutions: &'static [&'static str],
    /// What agents tell each other.
    pub(super) notes: &'static [&'static str],
}

/// What is said in any conversation of a language.
pub(super) struct Phrases {
    pub(super) hello: &'static [&'static str],
    pub(super) bye: &'static [&'static str],
    pub(super) greet: &'static [&'static str],
    pub(super) sign: &'static [&'static str],
    pub(super) again: &'static [&'static str],
    pub(super) sorry: &'static [&'static str],
    pub(super) resolved: &'static [&'static str],
    pub(super) no_answer: &'static [&'static str],
    pub(super) cancelled: &'static [&'static str],
    pub(super) pleased: &'static [&'static str],
    pub(super) content: &'static [&'static str],
    pub(super) displeased: &'static [&'static str],
    pub(super) twice: &'static [&'static str],
}
