//! Acting as somebody else. The answers are those of kube-apiserver 1.35.4 to the same headers.

use super::*;

const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

async fn answer(world: &World, token: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request =
        Request::builder().method(Method::POST).uri(WHO).header("authorization", format!("Bearer {token}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from("{}")).unwrap()).await
}

async fn seen(headers: &[(&str, &str)]) -> Value {
    answer(&World::new(), "admin", headers).await.ok()["status"]["userInfo"].clone()
}

#[tokio::test]
async fn the_groups_that_result_are_those_named_and_that_of_everybody() {
    assert_eq!(
        seen(&[("Impersonate-User", "ana")]).await,
        json!({ "username": "ana", "groups": ["system:authenticated"] })
    );
    let everything = [
        ("Impersonate-User", "ana"),
        ("Impersonate-Group", "one"),
        ("Impersonate-Group", "two"),
        ("Impersonate-Uid", "u1"),
        ("Impersonate-Extra-Scopes", "s1"),
        ("Impersonate-Extra-Scopes", "s2"),
        ("Impersonate-Extra-Contoso.com%2Fproject", "p"),
    ];
    assert_eq!(
        seen(&everything).await,
        json!({ "username": "ana", "uid": "u1", "groups": ["one", "two", "system:authenticated"],
            "extra": { "scopes": ["s1", "s2"], "contoso.com/project": ["p"] } })
    );
    let bare = [("Impersonate-User", "ana"), ("Impersonate-Group", "")];
    assert_eq!(seen(&bare).await["groups"], json!(["", "system:authenticated"]));
}

#[tokio::test]
async fn a_service_account_comes_with_its_groups_unless_others_are_named() {
    let account = ("Impersonate-User", "system:serviceaccount:trinity:bot");
    assert_eq!(
        seen(&[account]).await,
        json!({ "username": "system:serviceaccount:trinity:bot",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:trinity", "system:authenticated"] })
    );
    assert_eq!(seen(&[account, ("Impersonate-Group", "g")]).await["groups"], json!(["g", "system:authenticated"]));
    let no_namespace = ("Impersonate-User", "system:serviceaccount:Trinity:bot");
    assert_eq!(seen(&[no_namespace]).await["groups"], json!(["system:authenticated"]));
}

#[tokio::test]
async fn nobody_in_particular_is_not_everybody() {
    let world = World::new();
    let anonymous = [("Impersonate-User", "system:anonymous")];
    answer(&world, "admin", &anonymous).await.refused(403, "Forbidden");
    let unauthenticated = [("Impersonate-User", "ana"), ("Impersonate-Group", "system:unauthenticated")];
    answer(&world, "admin", &unauthenticated).await.refused(403, "Forbidden");
}

#[tokio::test]
async fn a_user_must_be_named() {
    let world = World::new();
    for (headers, wishes) in [
        (&[("Impersonate-Group", "g")][..], "[{Group  g    }]"),
        (&[("Impersonate-User", ""), ("Impersonate-Group", "g")], "[{Group  g    }]"),
        (
            &[("Impersonate-Group", "g"), ("Impersonate-Uid", "u")],
            "[{Group  g    } {UID  u  authentication.k8s.io/v1  }]",
        ),
        (&[("Impersonate-Extra-Scopes", "x")], "[{UserExtra  x  authentication.k8s.io/v1  scopes}]"),
    ] {
        let answer = answer(&world, "admin", headers).await;
        let message = format!("requested {wishes} without impersonating a user");
        assert_eq!(answer.refused(400, "BadRequest"), message);
    }
}

#[tokio::test]
async fn each_thing_needs_a_right_of_its_own() {
    let world = World::new();
    let rules = json!([
        { "apiGroups": [""], "resources": ["users"], "verbs": ["impersonate"], "resourceNames": ["ana"] },
        { "apiGroups": [""], "resources": ["groups"], "verbs": ["impersonate"], "resourceNames": ["one"] },
    ]);
    world.post(&format!("{RBAC}/clusterroles"), json!({ "metadata": { "name": "as" }, "rules": rules })).await.ok();
    let subjects = json!([{ "kind": "Group", "name": "developers" }]);
    let role = json!({ "kind": "ClusterRole", "name": "as" });
    let bound = json!({ "metadata": { "name": "as" }, "roleRef": role, "subjects": subjects });
    world.post(&format!("{RBAC}/clusterrolebindings"), bound).await.ok();

    let ana = ("Impersonate-User", "ana");
    answer(&world, "user", &[ana, ("Impersonate-Group", "one")]).await.ok();
    for (headers, message) in [
        (
            &[("Impersonate-User", "erin")][..],
            "users \"erin\" is forbidden: User \"hayden@contoso.com\" cannot impersonate resource \"users\" in API group \
             \"\" at the cluster scope",
        ),
        (
            &[("Impersonate-User", "system:serviceaccount:trinity:bot")],
            "serviceaccounts \"bot\" is forbidden: User \"hayden@contoso.com\" cannot impersonate resource \
             \"serviceaccounts\" in API group \"\" in the namespace \"trinity\"",
        ),
        (
            &[ana, ("Impersonate-Group", "system:masters")],
            "groups \"system:masters\" is forbidden: User \"hayden@contoso.com\" cannot impersonate resource \"groups\" in \
             API group \"\" at the cluster scope",
        ),
        (
            &[ana, ("Impersonate-Uid", "u")],
            "uids.authentication.k8s.io \"u\" is forbidden: User \"hayden@contoso.com\" cannot impersonate resource \
             \"uids\" in API group \"authentication.k8s.io\" at the cluster scope",
        ),
        (
            &[ana, ("Impersonate-Extra-Scopes", "x")],
            "userextras.authentication.k8s.io \"x\" is forbidden: User \"hayden@contoso.com\" cannot impersonate resource \
             \"userextras/scopes\" in API group \"authentication.k8s.io\" at the cluster scope",
        ),
    ] {
        assert_eq!(answer(&world, "user", headers).await.refused(403, "Forbidden"), message);
    }
}

#[tokio::test]
async fn whoever_is_impersonated_has_their_own_rights_only() {
    let world = World::new();
    let request = Request::builder().uri(format!("{RBAC}/clusterroles")).header("authorization", "Bearer admin");
    let request = request.header("impersonate-user", "ana").body(Body::empty()).unwrap();
    world.send(request).await.refused(403, "Forbidden");
}
