//! Challenge, credentials and their check, over whole messages.

use offhook_sip::digest::{Algorithm, Authenticator, Challenge, Refusal, Request, Secret, respond};
use offhook_sip::headers::AuthValue;
use offhook_sip::{HeaderName, Message, Method, RequestBuilder, ResponseBuilder, StatusCode};

const REALM: &str = "example.org";
const URI: &str = "sip:example.org";
const NOW_S: u64 = 1_800_000_000;

fn authenticator() -> Authenticator {
    Authenticator::new(REALM, [9; 32])
}

fn request(authorization: Option<&str>) -> Message {
    let builder = RequestBuilder::new(&Method::Register, URI)
        .header(HeaderName::Via, "SIP/2.0/UDP a;branch=z9hG4bK1")
        .header(HeaderName::From, "<sip:1001@example.org>;tag=1")
        .header(HeaderName::To, "<sip:1001@example.org>")
        .header(HeaderName::CallId, "x")
        .header(HeaderName::CSeq, "1 REGISTER");
    match authorization {
        Some(value) => builder.header(HeaderName::Authorization, value).build(),
        None => builder.build(),
    }
}

fn password(text: &str) -> Secret {
    Secret::Password(text.to_owned())
}

/// The credentials that a client gives to the challenge with that algorithm.
fn answer(challenges: &[String], algorithm: Algorithm, secret: &Secret, count: u32) -> String {
    let token = format!("algorithm={}", algorithm.as_str());
    let value = challenges.iter().find(|value| value.contains(&token)).expect("offered");
    let value = AuthValue::parse(value).expect("well-formed");
    let challenge = Challenge::read(&value).expect("understood");
    let request = Request { method: &Method::Register, uri: URI, body: b"" };
    respond(&challenge, "1001", secret, request, "c0ffee", count)
}

fn check(
    server: &mut Authenticator,
    value: &str,
    secret: Option<&Secret>,
    now_s: u64,
) -> Result<(), Refusal> {
    let request = request(Some(value));
    let credentials = server.credentials(&request, HeaderName::Authorization).expect("credentials");
    assert_eq!(credentials.username(), "1001");
    server.check(&credentials, secret, now_s)
}

#[test]
fn the_stronger_algorithm_is_offered_first_and_both_are_accepted() {
    let mut server = authenticator();
    let challenges = server.challenge(false, NOW_S);
    let builder = ResponseBuilder::tagged(&request(None), StatusCode::UNAUTHORIZED, "t");
    let response = challenges
        .iter()
        .fold(builder, |builder, value| builder.header(HeaderName::WwwAuthenticate, value))
        .build();
    let algorithms: Vec<_> = response
        .auth(HeaderName::WwwAuthenticate)
        .filter_map(|value| value.params.get("algorithm").map(|token| token.into_owned()))
        .collect();
    assert_eq!(algorithms, ["SHA-256", "MD5"]);
    let chosen = Challenge::choose(response.auth(HeaderName::WwwAuthenticate)).expect("one");
    assert_eq!((chosen.realm(), chosen.is_stale()), (REALM, false));
    let secrets = [password("s3cret"), Secret::ha1_of("1001", REALM, "s3cret")];
    for (count, algorithm) in [(1, Algorithm::Md5), (2, Algorithm::Sha256)] {
        for (extra, stored) in secrets.iter().enumerate() {
            let count = count + 2 * u32::try_from(extra).expect("small");
            let value = answer(&challenges, algorithm, &password("s3cret"), count);
            assert_eq!(
                check(&mut server, &value, Some(stored), NOW_S),
                Ok(()),
                "{algorithm:?} {stored:?}"
            );
        }
    }
}

#[test]
fn a_count_is_accepted_once() {
    let mut server = authenticator();
    let secret = password("s3cret");
    let value = answer(&server.challenge(false, NOW_S), Algorithm::Sha256, &secret, 1);
    assert_eq!(check(&mut server, &value, Some(&secret), NOW_S), Ok(()));
    assert_eq!(check(&mut server, &value, Some(&secret), NOW_S), Err(Refusal::Stale));
}

#[test]
fn wrong_passwords_and_unknown_users_look_the_same() {
    let mut server = authenticator();
    let secret = password("s3cret");
    let value = answer(&server.challenge(false, NOW_S), Algorithm::Sha256, &password("guess"), 1);
    assert_eq!(check(&mut server, &value, Some(&secret), NOW_S), Err(Refusal::Wrong));
    assert_eq!(check(&mut server, &value, None, NOW_S), Err(Refusal::Wrong));
}

#[test]
fn a_nonce_expires_and_one_of_another_key_is_stale_not_wrong() {
    let mut server = authenticator().nonce_lifetime_s(60);
    let secret = password("s3cret");
    let value = answer(&server.challenge(false, NOW_S), Algorithm::Md5, &secret, 1);
    assert_eq!(check(&mut server, &value, Some(&secret), NOW_S + 61), Err(Refusal::Stale));
    assert_eq!(check(&mut server, &value, Some(&secret), NOW_S + 60), Ok(()));
    let foreign = Authenticator::new(REALM, [1; 32]).challenge(false, NOW_S);
    let value = answer(&foreign, Algorithm::Md5, &secret, 1);
    assert_eq!(check(&mut server, &value, Some(&secret), NOW_S), Err(Refusal::Stale));
    let wrong = answer(&foreign, Algorithm::Md5, &password("guess"), 1);
    assert_eq!(check(&mut server, &wrong, Some(&secret), NOW_S), Err(Refusal::Wrong));
    let stale = server.challenge(true, NOW_S);
    let value = AuthValue::parse(&stale[0]).expect("well-formed");
    assert!(Challenge::read(&value).is_some_and(|challenge| challenge.is_stale()));
}

#[test]
fn two_nodes_with_one_key_accept_each_others_nonces() {
    let (mut one, mut other) = (authenticator(), authenticator());
    let secret = password("s3cret");
    let value = answer(&one.challenge(false, NOW_S), Algorithm::Sha256, &secret, 1);
    assert_eq!(check(&mut other, &value, Some(&secret), NOW_S + 1), Ok(()));
}

#[test]
fn a_digest_for_another_uri_is_refused() {
    let mut server = authenticator();
    let secret = password("s3cret");
    let value = server.challenge(false, NOW_S);
    let value = AuthValue::parse(&value[0]).expect("well-formed");
    let challenge = Challenge::read(&value).expect("understood");
    let for_uri = |uri, count| {
        let request = Request { method: &Method::Register, uri, body: b"" };
        respond(&challenge, "1001", &secret, request, "c0ffee", count)
    };
    for elsewhere in ["sip:elsewhere.org", "sip:x@example.org", "sip:example.org:5070", "nonsense"]
    {
        let value = for_uri(elsewhere, 1);
        let outcome = check(&mut server, &value, Some(&secret), NOW_S);
        assert_eq!(outcome, Err(Refusal::OtherUri), "{elsewhere}");
    }
    let with_param = for_uri("sip:EXAMPLE.org:5060;transport=tcp", 2);
    assert_eq!(check(&mut server, &with_param, Some(&secret), NOW_S), Ok(()));
}

#[test]
fn any_change_of_the_credentials_is_noticed() {
    let secret = password("s3cret");
    let changes = [
        ("nc=00000001", "nc=00000002"),
        ("cnonce=\"c0ffee\"", "cnonce=\"c0ffeE\""),
        ("qop=auth, nc=00000001, cnonce=\"c0ffee\"", "opaque=x"),
        ("uri=\"sip:example.org\"", "uri=\"sip:example.net\""),
    ];
    for (from, to) in changes {
        let mut server = authenticator();
        let value = answer(&server.challenge(false, NOW_S), Algorithm::Sha256, &secret, 1);
        let changed = value.replace(from, to);
        assert_ne!(changed, value);
        assert_eq!(check(&mut server, &changed, Some(&secret), NOW_S), Err(Refusal::Wrong), "{to}");
    }
}

#[test]
fn clients_without_qop_get_one_request_for_a_nonce() {
    let mut server = authenticator();
    let secret = password("s3cret");
    let challenge = server.challenge(false, NOW_S)[1].replace(", qop=\"auth\"", "");
    let value = answer(&[challenge], Algorithm::Md5, &secret, 1);
    assert!(!value.contains("nc="));
    assert_eq!(check(&mut server, &value, Some(&secret), NOW_S), Ok(()));
    assert_eq!(check(&mut server, &value, Some(&secret), NOW_S), Err(Refusal::Stale));
}

#[test]
fn foreign_realms_schemes_and_algorithms_are_no_credentials() {
    let server = authenticator();
    let parts = "username=\"1001\", nonce=\"n\", uri=\"sip:example.org\", response=\"0\"";
    let values = [
        format!("Digest realm=\"other.org\", {parts}"),
        format!("Digest realm=\"example.org\", algorithm=SHA-512, {parts}"),
        format!("Digest realm=\"example.org\", qop=auth-int, nc=00000001, cnonce=\"c\", {parts}"),
        format!("Digest realm=\"example.org\", qop=auth, {parts}"),
        "Digest realm=\"example.org\", username=\"1001\"".to_owned(),
        "NoOneKnowsThisScheme opaque-data=here".to_owned(),
    ];
    for value in values {
        let request = request(Some(&value));
        assert!(server.credentials(&request, HeaderName::Authorization).is_none(), "{value}");
    }
    let request = request(Some(&format!("Digest realm=\"example.org\", {parts}")));
    assert!(server.credentials(&request, HeaderName::Authorization).is_some());
    assert!(server.credentials(&request, HeaderName::ProxyAuthorization).is_none());
}

#[test]
fn a_client_answers_what_it_understands_and_quotes_what_it_must() {
    let values = [
        "Basic realm=\"a\"",
        "Digest realm=\"a\", nonce=\"n\", algorithm=SHA-512-256, qop=\"auth\"",
        "Digest realm=\"a \\\"b\\\"\", nonce=\"n\", opaque=\"o\", algorithm=MD5-sess, qop=\"auth-int,x\"",
    ];
    let challenge = Challenge::choose(values.iter().filter_map(|value| AuthValue::parse(value)))
        .expect("the last");
    let request = Request { method: &Method::Invite, uri: "sip:b@c", body: b"v=0\r\n" };
    let text = respond(&challenge, "al\"ice", &password("p"), request, "cn", 1);
    let value = AuthValue::parse(&text).expect("well-formed");
    let get = |name| value.params.get(name).map(|value| value.into_owned()).unwrap_or_default();
    assert_eq!(get("username"), "al\"ice");
    assert_eq!(get("realm"), "a \"b\"");
    assert_eq!((get("qop"), get("nc")), ("auth-int".to_owned(), "00000001".to_owned()));
    assert_eq!((get("algorithm"), get("opaque")), ("MD5-sess".to_owned(), "o".to_owned()));
    // md5(md5(md5(user:realm:p):n:cn):n:00000001:cn:auth-int:md5(INVITE:sip:b@c:md5(body)))
    assert_eq!(get("response"), "20ca863e79beaac3e7eb32b1341f6dd6");
}
