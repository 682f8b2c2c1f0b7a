//! Addresses within Graph, built so that the wrong one cannot be.

use std::fmt::{self, Write as _};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::state::ObjectId;

/// RFC 3986's unreserved characters stay; everything else, quotes, `#` and `+` included, is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The most values that `in (…)` may hold: <https://learn.microsoft.com/graph/aad-advanced-queries>.
pub(in super::super) const LARGEST_IN: usize = 15;
/// The most items that a page may hold.
pub(in super::super) const LARGEST_PAGE: usize = 999;

/// A value as a literal: quoted, quotes within doubled. It still has to be percent-encoded.
fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// A `$filter`.
#[derive(Clone, Debug)]
pub(in super::super) struct Filter(String);

impl Filter {
    /// `property eq 'value'`
    pub(in super::super) fn equals(property: &str, value: &str) -> Self {
        Self(format!("{property} eq {}", literal(value)))
    }

    /// `property/any(x:x/inner eq 'value')`
    pub(in super::super) fn any(property: &str, inner: &str, value: &str) -> Self {
        Self(format!("{property}/any(x:x/{inner} eq {})", literal(value)))
    }

    /// `startsWith(property,'prefix')`
    pub(in super::super) fn starts_with(property: &str, prefix: &str) -> Self {
        Self(format!("startsWith({property},{})", literal(prefix)))
    }

    /// `property in ('a','b')`, of at most [`LARGEST_IN`] values.
    pub(in super::super) fn among<'a>(property: &str, values: impl IntoIterator<Item = &'a str>) -> Self {
        let values: Vec<_> = values.into_iter().map(literal).collect();
        Self(format!("{property} in ({})", values.join(",")))
    }
}

/// Something to read, relative to the version of Graph and with all options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Path {
    relative: String,
    /// Whether it needs the header `ConsistencyLevel: eventual`, which no link to a next page carries.
    pub(super) eventual: bool,
}

impl Path {
    /// A collection, such as `/users`, or another fixed path.
    pub(in super::super) fn of(fixed: &'static str) -> Self {
        Self { relative: fixed.to_owned(), eventual: false }
    }

    /// One group by id.
    pub(in super::super) fn group(id: ObjectId) -> Self {
        Self { relative: format!("/groups/{id}"), eventual: false }
    }

    /// One group by its alternate key.
    pub(in super::super) fn group_by_unique_name(name: &str) -> Self {
        Self { relative: unique_name_key(name), eventual: false }
    }

    /// The owners or members of a group, uncast: the cast form reads an index that lags.
    pub(in super::super) fn list(group: ObjectId, list: EdgeList) -> Self {
        Self { relative: format!("/groups/{group}/{list}"), eventual: false }
    }

    /// Every group and role that a group is in, directly or through others, uncast like the other lists:
    /// <https://learn.microsoft.com/graph/api/group-list-transitivememberof>.
    pub(in super::super) fn above(group: ObjectId) -> Self {
        Self { relative: format!("/groups/{group}/transitiveMemberOf"), eventual: false }
    }

    /// Everybody in a group, directly or through others, each once and the groups among them, uncast like the other lists:
    /// <https://learn.microsoft.com/graph/api/group-list-transitivemembers>.
    pub(in super::super) fn inside(group: ObjectId) -> Self {
        Self { relative: format!("/groups/{group}/transitiveMembers"), eventual: false }
    }

    /// The next page, as the server gave it.
    pub(super) fn next_page(relative: String, eventual: bool) -> Self {
        Self { relative, eventual }
    }

    /// Narrows it.
    pub(in super::super) fn filter(self, filter: &Filter) -> Self {
        self.option("$filter", &filter.0)
    }

    /// Names the properties to read.
    pub(in super::super) fn select(self, properties: &str) -> Self {
        self.option("$select", properties)
    }

    /// Asks for the largest pages.
    pub(in super::super) fn largest_pages(self) -> Self {
        self.option("$top", &LARGEST_PAGE.to_string())
    }

    /// Asks for pages of this size.
    pub(in super::super) fn pages_of(self, items: usize) -> Self {
        self.option("$top", &items.to_string())
    }

    /// Says which comes first.
    pub(in super::super) fn in_order(self, order: &str) -> Self {
        self.option("$orderby", order)
    }

    /// Makes it an advanced query: <https://learn.microsoft.com/graph/aad-advanced-queries>.
    pub(in super::super) fn advanced(self) -> Self {
        Self { eventual: true, ..self.option("$count", "true") }
    }

    fn option(mut self, name: &str, value: &str) -> Self {
        let mark = if self.relative.contains('?') { '&' } else { '?' };
        // Writing to a string cannot fail.
        let _ = write!(self.relative, "{mark}{name}={}", utf8_percent_encode(value, ENCODED));
        self
    }

    pub(in super::super) fn as_str(&self) -> &str {
        &self.relative
    }
}

/// `/groups(uniqueName='…')`
pub(super) fn unique_name_key(name: &str) -> String {
    format!("/groups(uniqueName={})", utf8_percent_encode(&literal(name), ENCODED))
}

/// Which list of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in super::super) enum EdgeList {
    /// `owners`
    Owners,
    /// `members`
    Members,
}

impl fmt::Display for EdgeList {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Owners => "owners",
            Self::Members => "members",
        })
    }
}

/// One membership or ownership.
///
/// `DELETE /groups/{group}/members/{user}` without `/$ref` deletes the *user*
/// (<https://learn.microsoft.com/graph/api/group-delete-members>, the box "Caution"). This type is the only way to the
/// URL of a membership, and it always ends in `/$ref`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct MembershipRef {
    /// The group.
    pub(in super::super) group: ObjectId,
    /// Which of its lists.
    pub(in super::super) list: EdgeList,
    /// Who.
    pub(in super::super) principal: ObjectId,
}

impl MembershipRef {
    pub(super) fn relative(self) -> String {
        format!("/groups/{}/{}/{}/$ref", self.group, self.list, self.principal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUP: &str = "11111111-1111-4111-8111-111111111111";
    const USER: &str = "22222222-2222-4222-8222-222222222222";

    #[test]
    fn quotes_are_doubled_and_everything_is_encoded() {
        let filter = Filter::among("userPrincipalName", ["o'brien@contoso.com", "a_x.com#EXT#@contoso.com"]);
        let path = Path::of("/users").filter(&filter).select("id,userPrincipalName").largest_pages();
        assert_eq!(
            path.as_str(),
            "/users?$filter=userPrincipalName%20in%20%28%27o%27%27brien%40contoso.com%27%2C%27a_x.com%23EXT%23%40contoso.com%27%29\
             &$select=id%2CuserPrincipalName&$top=999"
        );
        assert_eq!(
            Path::group_by_unique_name("rolecall.c.o'k/..").as_str(),
            "/groups(uniqueName=%27rolecall.c.o%27%27k%2F..%27)"
        );
    }

    #[test]
    fn the_url_of_a_membership_always_ends_in_ref() {
        for list in [EdgeList::Owners, EdgeList::Members] {
            let edge = MembershipRef { group: GROUP.parse().unwrap(), list, principal: USER.parse().unwrap() };
            assert_eq!(edge.relative(), format!("/groups/{GROUP}/{list}/{USER}/$ref"));
        }
    }
}
