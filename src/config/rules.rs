//! Every rule that access files are checked against. The ids are stable: people search for them.

use crate::diagnostics::{Rule, Severity};

macro_rules! rules {
    (@severity) => { Severity::Error };
    (@severity warning) => { Severity::Warning };
    ($($name:ident = $($severity:ident)? $id:literal, $summary:literal;)*) => {
        $(
            #[doc = $summary]
            pub(crate) static $name: Rule = Rule { id: $id, severity: rules!(@severity $($severity)?), summary: $summary };
        )*
        /// All of them, in the order in which they are described.
        pub static RULES: &[&Rule] = &[$(&$name),*];
    };
}

rules! {
    // Files.
    NO_ROOT = "no-root", "A config has a root file, `rolecall.yaml`.";
    UNREADABLE_FILE = "unreadable-file", "Every access file can be read.";
    LINK_OUT_OF_FOLDER = "link-out-of-folder", "No link leads out of the config's folder.";
    FILE_TOO_LARGE = "file-too-large", "An access file has at most 1 MiB.";
    TOO_MANY_FILES = "too-many-files", "A config has at most 10000 files and 64 MiB.";
    NOT_TEXT = "not-text", "An access file is UTF-8 text.";
    EMPTY_FILE = "empty-file", "An access file holds something.";
    NOT_AN_ACCESS_FILE = "not-an-access-file", "Every YAML file of the folder is an access file or excluded.";
    BAD_PATTERN = "bad-pattern", "A pattern for files can be understood.";

    // YAML.
    YAML_SYNTAX = "yaml-syntax", "An access file is YAML 1.2.";
    YAML_TAG = "yaml-tag", "An access file uses no YAML tags.";
    YAML_KEY = "yaml-key", "Every key is a word.";
    MULTIPLE_DOCUMENTS = "multiple-documents", "An access file is one YAML document.";
    TOO_COMPLEX = "too-complex", "Depth, values and aliases of a file are bounded, and so are the bindings that all grants ask for.";

    // The form of one value.
    UNKNOWN_KEY = "unknown-key", "Every key is one that this version knows.";
    ROOT_ONLY_KEY = "root-only-key", "Keys about the whole config stand in the root file.";
    DUPLICATE_KEY = "duplicate-key", "A key stands once in its map.";
    MISSING_KEY = "missing-key", "No required key is left out.";
    WRONG_TYPE = "wrong-type", "Every value has the type of its key.";
    INVALID_VALUE = "invalid-value", "Every value is one of those its key takes.";
    INVALID_NAME = "invalid-name", "Keys, names, addresses and ids are well formed.";
    EMPTY_LIST = "empty-list", "A list that must name something does.";
    EMPTY_LABELS = "empty-labels", "A label selector names at least one label.";
    DUPLICATE_ENTRY = "duplicate-entry", "An entry stands once in its list.";
    ONE_OF = "one-of", "Keys that exclude each other, or of which one is needed, are used so.";
    UNSUPPORTED_VERSION = "unsupported-version", "The root file's `version` is 1.";

    // Names and references across files.
    DUPLICATE_NAME = "duplicate-name", "A name is defined once in all files.";
    DUPLICATE_ID = "duplicate-id", "Two blocks do not stand for one group or one cluster.";
    RESERVED_NAME = "reserved-name", "Words of the command line are not used as names.";
    UNKNOWN_GROUP = "unknown-group", "Every group that is referred to is defined.";
    UNKNOWN_ROLE = "unknown-role", "Every role that is referred to is defined.";
    UNKNOWN_ENVIRONMENT = "unknown-environment", "Every environment that is referred to is defined.";
    UNMATCHED_LABELS = "unmatched-labels", "Labels that select environments match at least one.";
    GROUP_BY_ID = "group-by-id", "A group of the config is named by its key, not by its object id.";
    GROUP_CYCLE = "group-cycle", "No group contains itself.";

    // What files other than the root file may define.
    UNDELEGATED_FILE = "undelegated-file", "Where `delegate` is used, a file that defines something is matched by an entry.";
    UNDELEGATED_KEY = "undelegated-key", "Where `delegate` is used, what only the root file may say stands there.";
    UNDELEGATED_GROUP = "undelegated-group", "A file defines, and grants to, groups that are delegated to it.";
    UNDELEGATED_ROLE = "undelegated-role", "A file grants roles that are delegated to it.";
    UNDELEGATED_ENVIRONMENT = "undelegated-environment", "A file grants in environments that are delegated to it.";
    UNDELEGATED_NAMESPACE = "undelegated-namespace", "A file grants in namespaces that are delegated to it.";
    DISPLAY_NAME_TAKEN = "display-name-taken", "A delegated file names no group like another group is called.";
    UNMATCHED_DELEGATION = warning "unmatched-delegation", "A delegation stands for files and groups that are there.";

    // Meaning.
    MISSING_APPLIERS = "missing-appliers", "Where rolecall creates groups, `appliers` names who applies.";
    PREVIOUS_KEY = "previous-key", "A previous key belongs to one group that rolecall creates, and to no block any more.";
    ABSENT_MEMBER = "absent-member", "Nobody is both to be in a group and to be absent from it; only additive groups say who is absent.";
    MISSING_MEMBERS = "missing-members", "An authoritative group says who its members are.";
    UNMANAGED_GROUP = "unmanaged-group", "What rolecall does not manage of a group is not set.";
    GROUP_AS_OWNER = "group-as-owner", "A group is owned by users and service principals; Entra allows no others.";
    PROTECTED_WITHOUT_CLUSTER = "protected-without-cluster", "A protected environment names its cluster by uid.";
    NON_RESOURCE_IN_NAMESPACE = "non-resource-in-namespace", "Rules about non-resource URLs are granted cluster-wide.";
    ALLOWANCE_WITHOUT_EFFECT = "allowance-without-effect", "What may stay is only named where something is said about what stays.";
    REPLACES_OUTSIDE_GRANT = "replaces-outside-grant", "A binding that a grant replaces lies where the grant holds.";
    SUBJECT_WITHOUT_UPN = "subject-without-upn", "Where tokens name users by UPN, guests and apps get access through groups.";
    INVALID_EXPECTATION = "invalid-expectation", "What is expected is something that can be asked of Kubernetes.";
    UNKNOWN_TO_KUBERNETES = warning "unknown-to-kubernetes", "What is expected names resources and verbs that Kubernetes itself has, or that have a group of their own.";
    NEARLY_KNOWN = warning "nearly-known", "No expectation names a person or a namespace that is almost called like one of the files.";
    CONTRADICTION = "contradiction", "No expectation contradicts another one.";
    NOT_UNDERSTOOD = "not-understood", "Everything that passes the check is used.";
}
