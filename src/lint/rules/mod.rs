//! The rules, a file each.

pub(super) mod cluster_wide_write;
pub(super) mod empty_group;
pub(super) mod escalation_road;
pub(super) mod group_across_stages;
pub(super) mod group_with_one_owner;
pub(super) mod group_without_owner;
pub(super) mod guest_in_privileged_group;
pub(super) mod individual_person;
pub(super) mod member_through_nesting;
pub(super) mod namespace_relabel;
pub(super) mod overlapping_grants;
pub(super) mod production_without_expectation;
pub(super) mod unused_group;
pub(super) mod unused_role;
pub(super) mod wildcard_rule;
