//! What pages weigh on the way: they and what they are made of go gzipped (RFC 1952) to whoever takes that.
//!
//! Only what is whole before it is sent, so that streams are left alone, and only what is asked for with GET: a secret that
//! is shown once stands in the answer to a form, and forms are taken from these pages only. So nobody elsewhere can have
//! a secret written beside words of their own and learn from the length.

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Octets below which nothing is gained.
const BYTES_MIN: u64 = 1_024;
/// Octets of the largest page.
const BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What pages are made of.
const KINDS: [&str; 4] = ["text/html", "text/css", "text/javascript", "image/svg+xml"];

/// The outermost layer: what it gets is as it would be sent.
pub(crate) async fn small(request: Request, next: Next) -> Response {
    let takes_it = request.method() == Method::GET && takes_gzip(request.headers());
    let mut response = next.run(request).await;
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_ours = KINDS.contains(&kind.split(';').next().unwrap_or_default());
    let size = response.body().size_hint().exact().unwrap_or_default();
    if !is_ours || !(BYTES_MIN..=BYTES_MAX).contains(&size) {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !takes_it {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let packed = match to_bytes(body, usize::try_from(BYTES_MAX).unwrap_or(usize::MAX)).await.map(|page| gzip(&page)) {
        Ok(Ok(packed)) => packed,
        // A body of known size is in memory, and so is what it is written to.
        Ok(Err(_)) | Err(_) => return crate::Problem::from(crate::Code::OwnFailure).into_response(),
    };
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(parts, Body::from(packed))
}

fn gzip(page: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut packing = GzEncoder::new(Vec::new(), Compression::fast());
    packing.write_all(page)?;
    packing.finish()
}

/// RFC 9110, section 12.5.3.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let named = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    named.flat_map(|text| text.split(',')).any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.trim().parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_none_or(|weight| weight > 0.0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_refuses_gzip_does_not_get_it() {
        let takes = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            takes_gzip(&headers)
        };
        assert!(takes("gzip, deflate, br") && takes("br;q=1.0, GZIP; q=0.5"));
        assert!(!takes("gzip;q=0, br") && !takes("br") && !takes("") && !takes_gzip(&HeaderMap::new()));
    }
}
