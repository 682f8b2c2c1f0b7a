//! Bindings that are not ours, from the plan that tells of them to the apply that takes one over.

#[tokio::test(flavor = "multi_thread")]
async fn a_binding_made_by_hand_is_taken_over_without_a_moment_without_access() {
    crate::takeover::a_binding_made_by_hand_is_taken_over(None).await;
}
