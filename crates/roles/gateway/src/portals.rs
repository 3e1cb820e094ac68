use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::fmt::Write;

/// The portals as Vite built them.
#[derive(RustEmbed)]
#[folder = "../../../web/dist"]
#[allow_missing = true]
struct Built;

/// The folder of files whose names change with their content.
const HASHED: &str = "assets/";
const CACHE_HASHED: &str = "public, max-age=31536000, immutable";
/// Ask each time; the entity tag makes the answer short.
const CACHE_OTHERS: &str = "no-cache";
/// Bytes of the digest that an entity tag shows.
const ETAG_BYTES: usize = 16;

const NOT_BUILT: &str = include_str!("../pages/not-built.html");
const NOT_FOUND: &str = include_str!("../pages/not-found.html");

pub(crate) async fn customer(headers: HeaderMap) -> Response {
    portal("index.html", &headers)
}

pub(crate) async fn agent(headers: HeaderMap) -> Response {
    portal("agent.html", &headers)
}

pub(crate) async fn admin(headers: HeaderMap) -> Response {
    portal("admin.html", &headers)
}

/// Whatever no other route takes: a file of the portals, or nothing.
pub(crate) async fn file(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    match Built::get(path) {
        Some(_) if method != Method::GET && method != Method::HEAD => {
            (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]).into_response()
        }
        Some(file) => serve(path, file, &headers),
        None => (StatusCode::NOT_FOUND, Html(NOT_FOUND)).into_response(),
    }
}

fn portal(name: &str, headers: &HeaderMap) -> Response {
    match Built::get(name) {
        Some(file) => serve(name, file, headers),
        None => (StatusCode::SERVICE_UNAVAILABLE, Html(NOT_BUILT)).into_response(),
    }
}

fn serve(path: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    let etag = etag(&file.metadata.sha256_hash());
    let known = request.get_all(header::IF_NONE_MATCH).iter().any(|value| names(value, &etag));
    let cache = if path.starts_with(HASHED) { CACHE_HASHED } else { CACHE_OTHERS };
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = content_type(file.metadata.mimetype());
        ([(header::CONTENT_TYPE, kind)], Body::from(file.data)).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::try_from(etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

/// A weak tag (RFC 9110 section 8.8.3), since the same file may go out compressed or not.
fn etag(digest: &[u8; 32]) -> String {
    let mut etag = "W/\"".to_owned();
    for byte in &digest[..ETAG_BYTES] {
        write!(etag, "{byte:02x}").expect("writing to a String cannot fail");
    }
    etag.push('"');
    etag
}

/// Whether an If-None-Match names the tag (RFC 9110 section 13.1.2).
fn names(value: &HeaderValue, etag: &str) -> bool {
    let Ok(value) = value.to_str() else { return false };
    value.split(',').map(str::trim).any(|tag| tag == "*" || tag == etag)
}

fn content_type(mime: &str) -> String {
    if mime.starts_with("text/") { format!("{mime}; charset=utf-8") } else { mime.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn sample() -> EmbeddedFile {
        let metadata =
            rust_embed::Metadata::__rust_embed_new([7; 32], None, None, "text/javascript");
        EmbeddedFile { data: b"let a = 1;".as_slice().into(), metadata }
    }

    #[tokio::test]
    async fn hashed_files_are_kept_and_others_asked_for() {
        let hashed = serve("assets/index-abc.js", sample(), &HeaderMap::new());
        assert_eq!(hashed.headers()[header::CACHE_CONTROL], CACHE_HASHED);
        assert_eq!(hashed.headers()[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
        let plain = serve("favicon.js", sample(), &HeaderMap::new());
        assert_eq!(plain.headers()[header::CACHE_CONTROL], CACHE_OTHERS);
        let body = plain.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "let a = 1;");
    }

    #[tokio::test]
    async fn a_file_that_is_known_is_not_sent_again() {
        let first = serve("favicon.js", sample(), &HeaderMap::new());
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, first.headers()[header::ETAG].clone());
        let again = serve("favicon.js", sample(), &headers);
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(again.into_body().collect().await.unwrap().to_bytes().is_empty());
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("W/\"other\""));
        assert_eq!(serve("favicon.js", sample(), &headers).status(), StatusCode::OK);
    }
}
