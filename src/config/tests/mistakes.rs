//! One of each class of mistake, as it is told.

use super::{files, told};

#[test]
fn the_quickstart_has_no_mistake() {
    let loaded = files(&[("rolecall.yaml", include_str!("../../../examples/quickstart/rolecall.yaml"))]);
    insta::assert_snapshot!(told(&loaded), @"");
    let config = loaded.config.unwrap();
    let desired = crate::desired::compile(&config, &loaded.sources);
    assert_eq!(desired.groups.len(), 1);
}
