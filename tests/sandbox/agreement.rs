//! The authorizer of `access` against the sandbox's, which shares no code with it.

use crate::answers::agreement::{self, Size};
use crate::servers::Sandbox;

#[tokio::test(flavor = "multi_thread")]
async fn two_authorizers_that_share_no_code_agree() {
    let size = Size { questions: 3_000, least: 25 };
    let sandbox = Sandbox::start().await;
    agreement::hold(&sandbox.server(), &[], agreement::seed(), size).await.check();
}
