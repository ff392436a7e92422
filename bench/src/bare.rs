//! What everything is compared with: the same HTTP stack, reading the whole body and answering.

use std::net::SocketAddr;

use bytes::Bytes;
use hookmill_server::listen::{self, Inbound, Limits};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// As long as what Hookmill answers.
const ANSWER: &[u8] = br#"{"delivery_id":"dlv_0000000000000","run_id":"run_0000000000000"}"#;
/// The default limit of Hookmill.
const BODY_BYTES_MAX: u64 = 5 << 20;

/// Serves until killed. Prints the same line as Hookmill when it is ready.
#[expect(clippy::print_stdout, reason = "the parent process waits for the line")]
pub(crate) fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen).await?;
        println!("ready http://{}", listener.local_addr()?);
        serve_on(listener, CancellationToken::new()).await;
        Ok(())
    })
}

/// Serves until told to stop.
pub(crate) async fn serve_on(listener: TcpListener, shutdown: CancellationToken) {
    let handler = |request: Request<Inbound>, _peer: SocketAddr| answer(request);
    listen::serve(listener, Limits::default(), handler, shutdown).await;
}

async fn answer(request: Request<Inbound>) -> Response<Full<Bytes>> {
    let body = request.into_body().read(BODY_BYTES_MAX).await;
    let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
    let read = body.is_ok_and(|body| !body.is_empty());
    *response.status_mut() = if read { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
