//! What became of a change that is not what was approved: three ways to look at it.

use std::fmt;

use crate::plan::Reason;
use crate::state::{Address, Change, ObjectId, Resource};

/// A change that is not what was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// What it is about.
    pub address: Address,
    /// Why it is not carried out.
    pub why: Why,
    /// What was approved; `None` where nothing was.
    pub approved: Option<Change>,
    /// What is there now.
    pub now: Now,
    /// What the files ask for now.
    pub asked: Asked,
}

/// Why a change is not what was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It is asked for and was never approved.
    NotApproved,
    /// It adds where the approved one removes, or the like.
    OtherKind,
    /// It leaves the object otherwise than the approved one.
    OtherResult,
    /// The object is not as it was, or another one of its name.
    OtherObject,
    /// It is on another cluster.
    OtherCluster,
    /// What it relies on is not as it was: the rules of a role, the namespaces of a selector, the members of a group, whom a
    /// name means. Each as [`Change::refers`] calls it.
    Relies(Vec<String>),
    /// Other bindings take the place of the one that goes.
    OtherReplacement,
    /// Other field managers would be overruled.
    OtherManagers,
    /// Anything else.
    Differs,
    /// The group to create is there by now, with others in it than the approved plan puts there.
    Taken,
    /// It is held back now.
    Withheld(Reason),
    /// What it is about could not be read.
    Unread,
    /// Nobody asks for it any more, and it is not done.
    NotAsked,
}

impl fmt::Display for Why {
    /// What follows the address of the change.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotApproved => formatter.write_str("is asked for now and is not in the saved plan"),
            Self::OtherKind => formatter.write_str("is another kind of change than the one in the saved plan"),
            Self::OtherResult => formatter.write_str("would have another result than the one in the saved plan"),
            Self::OtherObject => formatter.write_str("is about an object that has changed since the plan was saved"),
            Self::OtherCluster => formatter.write_str("is on another cluster than the one in the saved plan"),
            Self::Relies(on) => {
                write!(formatter, "relies on what has changed since the plan was saved ({})", on.join(", "))
            }
            Self::OtherReplacement => {
                formatter.write_str("is replaced by other bindings than the ones in the saved plan")
            }
            Self::OtherManagers => {
                formatter.write_str("would overrule other field managers than the ones in the saved plan")
            }
            Self::Differs => formatter.write_str("differs from the one in the saved plan"),
            Self::Taken => formatter
                .write_str("is in the saved plan, and exists now with other members or owners than that plan gives it"),
            Self::Withheld(reason) => write!(formatter, "is in the saved plan and is withheld now ({reason})"),
            Self::Unread => formatter.write_str("is in the saved plan, and what it is about could not be read"),
            Self::NotAsked => formatter.write_str("is in the saved plan, is not done, and is not asked for any more"),
        }
    }
}

/// What is there now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Now {
    /// It could not be read.
    Unread,
    /// Nothing.
    Absent,
    /// This.
    There(Resource),
    /// Of an owner or a member of a group.
    Edge {
        /// The group's id, where it is there.
        group: Option<ObjectId>,
        /// Whether the one who was approved, or else the one who is asked for, is in the list.
        listed: bool,
        /// Whom the name means.
        means: Option<ObjectId>,
    },
}

/// What the files ask for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// This.
    Change(Box<Change>),
    /// Something that is held back.
    Withheld(Reason),
    /// Nothing.
    Nothing,
}
