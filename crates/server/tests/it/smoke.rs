//! The server starts, says that it is ready, and describes itself.

use crate::harness::Harness;

#[tokio::test]
async fn it_starts_and_describes_itself() {
    let server = Harness::start().await;
    let metadata = server.anonymous("GET", "/metadata/endpoints?api-version=2022-09-01").await;
    assert_eq!(metadata.status, 200);
    assert_eq!(metadata.body["resourceManager"], server.origin());
    assert_eq!(server.anonymous("GET", "/readyz").await.status, 200);
    let refused = server.anonymous("GET", "/subscriptions?api-version=2022-12-01").await;
    assert_eq!((refused.status, refused.code()), (401, "AuthenticationFailed"));
}
