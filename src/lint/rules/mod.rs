//! The rules, a file each.

pub(super) mod empty_group;
pub(super) mod escalation_road;
pub(super) mod individual_person;
pub(super) mod wildcard_rule;
