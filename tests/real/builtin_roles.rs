//! The table of default roles that is used where no cluster was read.

use std::path::Path;

use rolecall::access::builtin_roles;

use crate::suite::observe;

/// No other test adds to a default role of `real-two`.
#[tokio::test]
#[ignore = "needs the real components: run tests/run"]
async fn the_table_of_default_roles_is_what_the_api_server_and_its_controller_store() {
    let cluster = observe(Path::new(&real!("ROLECALL_REAL_KUBECONFIG")), "real-two").await.unwrap();
    for name in ["cluster-admin", "admin", "edit", "view"] {
        let live = cluster.roles.iter().find(|live| live.role.namespace.is_none() && live.role.name == name).unwrap();
        assert_eq!(builtin_roles::rules(name), Some(&live.role.rules[..]), "{name}");
    }
}
