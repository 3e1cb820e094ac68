use std::net::SocketAddr;

use super::*;

fn parse(text: &str) -> Uri<'_> {
    Uri::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn all_parts_are_read() {
    let uri =
        parse("sips:al%69ce;day=tue:s3cr$t@[2001:db8::10]:5070;transport=tcp;lr?Subject=a%20b&x=");
    assert_eq!(uri.scheme(), Scheme::Sips);
    assert_eq!(uri.user(), Some("al%69ce;day=tue"));
    assert_eq!(uri.user_decoded().as_deref(), Some("alice;day=tue"));
    assert_eq!(uri.password(), Some("s3cr$t"));
    assert_eq!(uri.host().map(|host| host.to_string()).as_deref(), Some("[2001:db8::10]"));
    assert_eq!(uri.port(), Some(5070));
    assert_eq!(uri.param("Transport"), Some("tcp"));
    assert!(uri.is_loose_router());
    let headers: Vec<_> = uri.headers().collect();
    assert_eq!(headers, [("Subject".into(), "a b".into()), ("x".into(), "".into())]);
}

#[test]
fn the_users_of_the_torture_tests_are_whole() {
    let odd = "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com";
    assert_eq!(parse(odd).user(), Some("1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"));
    assert_eq!(parse(odd).password(), Some("&it+has=1,weird!*pas$wo~d_too.(doesn't-it)"));
    let nested = parse("sip:sips%3Auser%40example.com@example.net");
    assert_eq!(nested.user_decoded().as_deref(), Some("sips:user@example.com"));
    assert_eq!(nested.host().and_then(|host| host.name()), Some("example.net"));
    assert_eq!(
        parse("sip:null-%00-null@example.com").user_decoded().as_deref(),
        Some("null-\0-null")
    );
}

#[test]
fn an_address_in_brackets_is_one_address() {
    let ip = |text| parse(text).host().and_then(|host| host.ip());
    assert_eq!(ip("sip:[2001:db8::10:5070]"), "2001:db8::10:5070".parse().ok());
    assert_eq!(parse("sip:[2001:db8::10:5070]").port(), None);
    assert_eq!(ip("sip:a@192.0.2.1;x"), "192.0.2.1".parse().ok());
    assert_eq!(ip("sip:[::ffff:192.0.2.10]:19823"), "::ffff:192.0.2.10".parse().ok());
}

#[test]
fn broken_uris_are_refused_by_the_part_that_is_broken() {
    let cases = [
        ("", UriError::Scheme),
        ("example.org", UriError::Scheme),
        ("<sip:user@example.com>", UriError::Scheme),
        (" sip:a@b", UriError::Scheme),
        ("sip:", UriError::Host),
        ("sip:@b", UriError::User),
        ("sip:a b@c", UriError::User),
        ("sip:a%4@c", UriError::Escape),
        ("sip:ä@c", UriError::User),
        ("sip:a@b@c", UriError::Host),
        ("sip:a@b c", UriError::Host),
        ("sip:2001:db8::10", UriError::Host),
        ("sip:[2001:db8::10", UriError::Host),
        ("sip:[nonsense]", UriError::Host),
        ("sip:a@b/c", UriError::Host),
        ("sip:a@b\"c", UriError::Host),
        ("sip:a@1.2.3", UriError::Host),
        ("sip:a@b:", UriError::Port),
        ("sip:a@b:65536", UriError::Port),
        ("sip:a@b:-1", UriError::Port),
        ("sip:a@b;", UriError::Param),
        ("sip:a@b;;lr", UriError::Param),
        ("sip:a@b; lr", UriError::Param),
        ("sip:a@b;x=", UriError::Param),
        ("sip:a@b?", UriError::Header),
        ("sip:a@b?x", UriError::Header),
        ("tel:", UriError::User),
        ("tel:home", UriError::User),
        ("isbn:", UriError::User),
        ("x y:z", UriError::Scheme),
    ];
    for (text, error) in cases {
        assert_eq!(Uri::parse(text).err(), Some(error), "{text}");
    }
    let long = format!("sip:{}@b", "a".repeat(URI_BYTES_MAX));
    assert_eq!(Uri::parse(&long).err(), Some(UriError::TooLong));
    let with_params = |count: usize| format!("sip:a@b{}", ";x".repeat(count));
    assert!(Uri::parse(&with_params(URI_PARAMS_MAX)).is_ok());
    assert_eq!(Uri::parse(&with_params(URI_PARAMS_MAX + 1)).err(), Some(UriError::Param));
}

#[test]
fn other_schemes_keep_their_text() {
    assert_eq!(parse("soap.beep://192.0.2.103:3002").scheme(), Scheme::Other("soap.beep"));
    assert_eq!(parse("nobodyKnowsThisScheme:totallyopaquecontent").host(), None);
    let tel = parse("tel:+1-201-555-0123;phone-context=example.com");
    assert_eq!(tel.user(), Some("+1-201-555-0123"));
    assert_eq!(tel.param("phone-context"), Some("example.com"));
    assert!(!tel.is_sip());
}

/// The examples of RFC 3261 section 19.1.4.
#[test]
fn equivalence_is_that_of_the_rfc() {
    let same = [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
        ("sip:a@b;transport=tcp;transport=udp", "sip:a@b;transport=tcp;transport=udp"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
    ];
    let different = [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtlanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=off", "sip:carol@chicago.com;security=on"),
        ("sip:%00@host5.example.com", "sip:%00%00@host5.example.com"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a:b@c", "sip:a@c"),
    ];
    for (left, right) in same {
        assert!(parse(left).is_equivalent(&parse(right)), "{left} {right}");
        assert!(parse(right).is_equivalent(&parse(left)), "{right} {left}");
    }
    for (left, right) in different {
        assert!(!parse(left).is_equivalent(&parse(right)), "{left} {right}");
        assert!(!parse(right).is_equivalent(&parse(left)), "{right} {left}");
    }
}

#[test]
fn built_uris_escape_what_they_must() {
    let address: SocketAddr = "[2001:db8::1]:5070".parse().expect("an address");
    let uri = UriBuilder::sip_at(address)
        .user("a b@c%#ü")
        .param("transport", "ws")
        .param("lr", "")
        .build();
    let uri = uri.expect("a URI");
    assert_eq!(uri.as_str(), "sip:a%20b%40c%25%23%C3%BC@[2001:db8::1]:5070;transport=ws;lr");
    assert_eq!(uri.as_uri().user_decoded().as_deref(), Some("a b@c%#ü"));
    assert_eq!(UriBuilder::sip("a b").build().err(), Some(UriError::Host));
    assert_eq!(UriBuilder::sip("a\r\nb").build().err(), Some(UriError::Host));
    let sips = UriBuilder::sip("example.org").sips().user("").build().expect("a URI");
    assert_eq!(sips.to_string(), "sips:example.org");
}
