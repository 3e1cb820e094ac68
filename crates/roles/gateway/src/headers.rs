use axum::http::header::{self, HeaderName};
use axum::http::{HeaderValue, Response};

/// Scripts come from here only. Styles may be inline, since the portals' components set them; WebSockets
/// are named because not every browser counts them among `'self'`; audio may come from memory.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; script-src 'self'; \
    style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' blob: data:; \
    font-src 'self' data:; connect-src 'self' ws: wss:; worker-src 'self' blob:; object-src 'none'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// A page needs the microphone and the camera to call; nothing else. Loudspeakers may be chosen without a
/// word here, and Chromium complains about one.
const PERMISSIONS_POLICY: &str = "microphone=(self), camera=(self), geolocation=(), payment=(), usb=(), \
    screen-wake-lock=(self)";

const SECURITY: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("permissions-policy"), PERMISSIONS_POLICY),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Puts the security headers on an answer; one that the answer has already stays.
pub(crate) async fn secure<B>(mut response: Response<B>) -> Response<B> {
    for (name, value) in SECURITY {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
