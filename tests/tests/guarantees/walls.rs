//! Both walls between tenants stand: statements name their tenant, and row level security asks too. `one_wall` runs the same
//! tests with the second alone.

pub(crate) const fn prepare() {}
