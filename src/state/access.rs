//! Questions to an API server about what somebody may do, and what came of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Applier, ConfigName, Failure, FailureKind, Namespace, Request, Result, mark};

/// The API group of roles and bindings.
pub const RBAC: &str = "rbac.authorization.k8s.io";

/// The API group of Leases.
pub const LEASES: &str = "coordination.k8s.io";
/// What `apply` does to the Lease of a config's lock.
pub const LEASE_VERBS: &[&str] = &["get", "create", "update"];

/// May this be done? Asked of the API server by `SelfSubjectAccessReview`, or by `SubjectAccessReview` about somebody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessQuestion {
    /// By whom; `None` is ourselves.
    pub who: Option<Applier>,
    /// `create`, `patch`, `delete`, `bind`, …
    pub verb: String,
    /// The API group; empty is the core group.
    pub group: String,
    /// The plural of the kind, perhaps with a subresource: `serviceaccounts/token`.
    pub resource: String,
    /// The namespace; `None` asks for the whole cluster.
    pub namespace: Option<Namespace>,
    /// The object's name; `None` asks for every name.
    pub name: Option<String>,
}

impl AccessQuestion {
    /// May we do this to every object on the whole cluster?
    pub fn new(verb: impl Into<String>, group: impl Into<String>, resource: impl Into<String>) -> Self {
        let (verb, group, resource) = (verb.into(), group.into(), resource.into());
        Self { who: None, verb, group, resource, namespace: None, name: None }
    }

    /// The same about one object.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// The same in one namespace.
    #[must_use]
    pub fn within(self, namespace: &Namespace) -> Self {
        Self { namespace: Some(namespace.clone()), ..self }
    }
}

/// May we look after the Lease of a config's lock? One question for each of [`LEASE_VERBS`].
pub fn lease_questions(config: &ConfigName, namespace: &Namespace) -> impl Iterator<Item = AccessQuestion> + use<> {
    let (lease, namespace) = (mark::lease_name(config), namespace.clone());
    LEASE_VERBS.iter().map(move |verb| {
        let question = AccessQuestion::new(*verb, LEASES, "leases").within(&namespace);
        // Who creates an object has no name in the request yet, so that no rule can be about one.
        if *verb == "create" { question } else { question.named(&lease) }
    })
}

/// May somebody do this? Asked of the API server by `SubjectAccessReview`, which takes the user name and the groups as they
/// are given and adds none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AccessReview {
    /// Who, with every group that the API server would see them in.
    pub who: Applier,
    /// What.
    pub request: Request,
}

/// A resource, or a subresource, that an API server says it serves.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServedResource {
    /// The API group; empty is the core group.
    pub group: String,
    /// The plural.
    pub resource: String,
    /// `log` of `pods/log`.
    pub subresource: Option<String>,
    /// Whether it is in namespaces.
    pub namespaced: bool,
}

/// The answer to an access question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessAnswer {
    /// Whether the API server would allow it.
    pub allowed: bool,
    /// The API server's reason, where it gives one.
    pub reason: String,
}

/// What is known about a question. What could not be asked is neither allowed nor denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known<'a> {
    /// It may be done.
    Allowed,
    /// It may not be done.
    Denied,
    /// The question got no answer, and why.
    Failed(&'a Failure),
    /// Nobody has asked.
    NotAsked,
}

/// What one API server was asked, and what came of each question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers(BTreeMap<AccessQuestion, Result<AccessAnswer>>);

impl Answers {
    /// Takes what came of some questions, in their order. Where there are more or fewer answers than questions, nobody can
    /// say which belongs to which, so that there is none.
    pub fn record(&mut self, questions: Vec<AccessQuestion>, answers: Vec<Result<AccessAnswer>>) {
        if questions.len() == answers.len() {
            self.0.extend(questions.into_iter().zip(answers));
        } else {
            let what = format!("{} questions about rights got {} answers", questions.len(), answers.len());
            let failure = Failure::new(FailureKind::BadAnswer, what);
            self.fail(questions, &failure.with_next("run it again; if it stays so, report it as a bug of rolecall"));
        }
    }

    /// None of these questions got an answer.
    pub fn fail(&mut self, questions: Vec<AccessQuestion>, failure: &Failure) {
        self.0.extend(questions.into_iter().map(|question| (question, Err(failure.clone()))));
    }

    /// Every question, with what came of it.
    pub fn iter(&self) -> impl Iterator<Item = (&AccessQuestion, &Result<AccessAnswer>)> {
        self.0.iter()
    }

    /// What is known about a question.
    pub fn to(&self, question: &AccessQuestion) -> Known<'_> {
        match self.0.get(question) {
            Some(Ok(answer)) if answer.allowed => Known::Allowed,
            Some(Ok(_)) => Known::Denied,
            Some(Err(failure)) => Known::Failed(failure),
            None => Known::NotAsked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_an_answer_is_not_denied() {
        let questions = ["create", "patch"].map(|verb| AccessQuestion::new(verb, RBAC, "roles"));
        let yes = || Ok(AccessAnswer { allowed: true, reason: String::new() });
        for given in [vec![yes()], vec![yes(), yes(), yes()], Vec::new()] {
            let count = given.len();
            let mut answers = Answers::default();
            answers.record(questions.to_vec(), given);
            for question in &questions {
                let Known::Failed(failure) = answers.to(question) else { panic!("{count}: {answers:?}") };
                assert_eq!(failure.kind, FailureKind::BadAnswer);
                assert_eq!(failure.what, format!("2 questions about rights got {count} answers"));
            }
        }
    }

    #[test]
    fn each_question_has_its_own_answer() {
        let [one, two, three] = ["create", "patch", "delete"].map(|verb| AccessQuestion::new(verb, RBAC, "roles"));
        let mut answers = Answers::default();
        let failure = Failure::new(FailureKind::Unreachable, "gone");
        answers.record(
            vec![one.clone(), two.clone()],
            vec![Ok(AccessAnswer { allowed: false, reason: String::new() }), Err(failure.clone())],
        );
        assert_eq!(answers.to(&one), Known::Denied);
        assert_eq!(answers.to(&two), Known::Failed(&failure));
        assert_eq!(answers.to(&three), Known::NotAsked);
    }
}
