//! Workspaces: found by id and slug, changed by their owners.

use hookmill_store::keys::Role;
use serde_json::json;

use crate::running::Running;

#[tokio::test]
async fn an_owner_makes_documentation_public_and_takes_that_back() {
    // Read by id and slug, changed, refused to others; unknown workspaces and members are told.
    let server = Running::start().await;
    let client = &server.client;
    let main = client.get("/api/v1/workspaces/main").await;
    assert_eq!((&main["slug"], &main["public_docs"]), (&json!("main"), &json!(false)));
    assert!(main["docs_url"].as_str().unwrap().ends_with("/docs/main"), "{main}");
    assert_eq!(client.list("/api/v1/workspaces").await, std::slice::from_ref(&main));
    let by_id = format!("/api/v1/workspaces/{}", main["id"].as_str().unwrap());
    for public in [true, false, true] {
        let changed = client.call("PATCH", &by_id, Some(&json!({ "public_docs": public }))).await;
        assert_eq!((changed.status, &changed.json()["public_docs"]), (200, &json!(public)));
        assert_eq!(client.get("/api/v1/workspaces/main").await["public_docs"], public);
    }
    assert_eq!(client.call("PATCH", &by_id, Some(&json!({}))).await.json()["public_docs"], true, "nothing was asked for");
    let editor = server.client_as(Role::Editor).await;
    assert_eq!(editor.call("PATCH", &by_id, Some(&json!({ "public_docs": false }))).await.status, 403);
    assert_eq!(client.call("PATCH", &by_id, Some(&json!({ "public": true }))).await.status, 400);
    for unknown in ["nobody", "ws_0000000000099", "ws_!", "%00"] {
        assert_eq!(client.call("GET", &format!("/api/v1/workspaces/{unknown}"), None).await.status, 404, "{unknown}");
    }
    server.stop().await;
}
