//! The authorizer in process against the real one, and against the sandbox's.

use crate::answers::Server;
use crate::answers::agreement::{self, Size};
use crate::servers::Sandbox;
use crate::summary;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the real components: run tests/run"]
async fn twenty_thousand_answers_are_those_of_the_real_authorizer() {
    let real = Server { kubeconfig: real!("ROLECALL_REAL_KUBECONFIG"), is_sandbox: false };
    let sandbox = Sandbox::start().await;
    let size = Size { questions: 20_000, least: 200 };
    let held = agreement::hold(&real, &[sandbox.server()], agreement::seed(), size).await;
    let agreed = |differing: &[String]| held.asked.saturating_sub(differing.len());
    let lines = format!(
        "Who may do what, of {} questions answered as a real API server does: by rolecall {}, by the sandbox {}\n  {held}",
        held.asked,
        agreed(&held.differing),
        agreed(&held.elsewhere),
    );
    summary::leave("7-agreement", &lines);
    held.check();
}
