//! What was written, from one run to the next and over the days.

use super::*;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A tenant on disk, opened (again).
fn on_disk(file: &std::path::Path, seed: &Seed, later: Duration) -> World {
    let store = Store::open(file, || seed.plant().unwrap()).unwrap();
    World::of(store, Lifetimes::default(), &Faults::default(), later)
}

fn state(world: &World) -> Value {
    world.graph.store.read(|tenant| serde_json::to_value(tenant).unwrap())
}

#[tokio::test]
async fn every_kind_of_change_is_there_when_the_tenant_is_opened_again() {
    let seed = with_group(people(&["hayden", "erin"]), "kept", |group| group.members = vec![member("hayden")]);
    let seed = with_group(with_group(seed, "restored", |group| group.members = vec![member("erin")]), "purged", |_| {});
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenant.json");
    let world = on_disk(&file, &seed, Duration::ZERO);
    let (kept, restored, purged) = (world.group("kept"), world.group("restored"), world.group("purged"));
    let (hayden, erin) = (world.user("hayden@contoso.com"), world.user("erin@contoso.com"));
    let add = json!({"@odata.id": reference(purged)});
    for (method, path, body, status) in [
        ("POST", "groups".to_owned(), Some(new_group("made")), 201),
        ("POST", format!("groups/{kept}/members/$ref"), Some(add), 204),
        ("PATCH", format!("groups/{kept}"), Some(json!({"displayName": "renamed", "description": "x"})), 204),
        ("PATCH", format!("groups/{kept}"), Some(json!({"owners@odata.bind": [reference(erin)]})), 204),
        ("DELETE", format!("groups/{restored}"), None, 204),
        ("POST", format!("directory/deletedItems/{restored}/restore"), None, 200),
        ("DELETE", format!("groups/{purged}"), None, 204),
        ("DELETE", format!("directory/deletedItems/{purged}"), None, 204),
        ("DELETE", format!("groups/{kept}/members/{hayden}/$ref"), None, 204),
        ("DELETE", format!("groups/{restored}/members/{erin}"), None, 204),
    ] {
        let reply = world.send(method, &path, &[], body).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.said());
    }
    assert!(fs_err::read_to_string(folder.path().join("tenant.json.journal")).unwrap().lines().count() >= 10);
    let again = on_disk(&file, &seed, Duration::ZERO);
    assert_eq!(state(&again), state(&world));
    // The names are found by what they are now.
    assert_eq!(again.get("groups?$filter=displayName eq 'renamed'").await.body["value"][0]["id"], json!(kept));
    assert_eq!(again.get("groups?$filter=displayName eq 'kept'").await.body["value"], json!([]));
    assert_eq!(again.get("users/erin@contoso.com").await.status, 404);
}

#[tokio::test]
async fn a_deleted_group_can_be_restored_for_thirty_days() {
    let seed = with_group(people(&["hayden"]), "g", |group| group.members = vec![member("hayden")]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenant.json");
    let world = on_disk(&file, &seed, Duration::ZERO);
    let group = world.group("g");
    assert_eq!(world.delete(&format!("groups/{group}")).await.status, 204);
    drop(world);
    let deleted = "directory/deletedItems/microsoft.graph.group";
    let world = on_disk(&file, &seed, 29 * DAY);
    assert_eq!(world.get(deleted).await.body["value"][0]["id"], json!(group));
    drop(world);
    let world = on_disk(&file, &seed, 31 * DAY);
    assert_eq!(world.get(deleted).await.body["value"], json!([]));
    let restored = world.post(&format!("directory/deletedItems/{group}/restore"), json!({})).await;
    assert_eq!(restored.status, 404, "{}", restored.said());
}
