//! Who somebody is who acts as somebody else.

use serde_json::json;

use super::script::{Script, Server, Transcript, WHO, describe};

/// Who the server says that the sender is.
async fn who(script: &mut Script, label: &str, headers: &[(&'static str, &str)]) {
    script.headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let review = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview" });
    let answer = script.post(label, WHO, review).await;
    if answer["kind"] == "SelfSubjectReview" {
        script.note(&answer["status"]["userInfo"].to_string());
    }
}

pub(crate) async fn whoever_is_impersonated_is_in_these_groups(server: &Server) -> Transcript {
    let mut script = Script::new(server, "imp-groups").await;
    let user = ("impersonate-user", "ana");
    let account = ("impersonate-user", "system:serviceaccount:imp-groups:bot");
    let group = ("impersonate-group", "one");
    who(&mut script, "a user", &[user]).await;
    let all = [
        user,
        group,
        ("impersonate-group", "two"),
        ("impersonate-uid", "u1"),
        ("impersonate-extra-scopes", "s1"),
        ("impersonate-extra-scopes", "s2"),
        ("impersonate-extra-contoso.com%2fproject", "p"),
    ];
    who(&mut script, "with everything", &all).await;
    who(&mut script, "with an empty group", &[user, ("impersonate-group", "")]).await;
    who(&mut script, "a service account", &[account]).await;
    who(&mut script, "with a group", &[account, group]).await;
    who(&mut script, "in no namespace", &[("impersonate-user", "system:serviceaccount:Bad:bot")]).await;
    who(&mut script, "nobody", &[("impersonate-user", "system:anonymous")]).await;
    who(&mut script, "not authenticated", &[user, ("impersonate-group", "system:unauthenticated")]).await;
    who(&mut script, "no user", &[group]).await;
    who(&mut script, "an empty user", &[("impersonate-user", ""), group]).await;
    who(&mut script, "no user, group and uid", &[group, ("impersonate-uid", "u")]).await;
    who(&mut script, "no user, extra", &[("impersonate-extra-scopes", "x")]).await;
    script.as_admin();
    script.end().await
}

pub(crate) async fn acting_as_somebody_takes_a_right_to_each_part_of_them(server: &Server) -> Transcript {
    let mut script = Script::new(server, "imp-right").await;
    let plain = |resource: &str, name: &str| json!({ "apiGroups": [""], "resources": [resource], "verbs": ["impersonate"], "resourceNames": [name] });
    let about = |resource: &str, name: &str| {
        let mut rule = plain(resource, name);
        rule["apiGroups"] = json!(["authentication.k8s.io"]);
        rule
    };
    let rules = json!([
        plain("users", "imp-right-ana"),
        plain("groups", "one"),
        plain("serviceaccounts", "bot"),
        about("uids", "u1"),
        about("userextras/scopes", "s1"),
    ]);
    // Whoever may be these may be nobody else.
    let token = script.token("proxy").await;
    script.grant_by("imp-right-proxy", "system:serviceaccount:imp-right:proxy", rules).await;
    let user = ("impersonate-user", "imp-right-ana");
    for (label, headers) in [
        ("a user", vec![user]),
        ("another", vec![("impersonate-user", "imp-right-ben")]),
        ("with a group", vec![user, ("impersonate-group", "one")]),
        ("with another group", vec![user, ("impersonate-group", "one"), ("impersonate-group", "two")]),
        ("with a uid", vec![user, ("impersonate-uid", "u1")]),
        ("with another uid", vec![user, ("impersonate-uid", "u2")]),
        ("with more", vec![user, ("impersonate-extra-scopes", "s1")]),
        ("with more of that", vec![user, ("impersonate-extra-scopes", "s2")]),
        ("with something else", vec![user, ("impersonate-extra-other", "s1")]),
        ("a service account", vec![("impersonate-user", "system:serviceaccount:imp-right:bot")]),
        ("another account", vec![("impersonate-user", "system:serviceaccount:imp-right:bob")]),
        ("a group without a user", vec![("impersonate-group", "one")]),
    ] {
        let (status, body) = script.as_bearer(&token, &headers).await;
        script.answered(label, &describe(status, &body));
        if status == 201 {
            script.note(&body["status"]["userInfo"].to_string());
        }
    }
    let (status, body) = script.as_bearer("Bearer wrong", &[]).await;
    script.answered("a wrong token", &describe(status, &body));
    script.end().await
}
