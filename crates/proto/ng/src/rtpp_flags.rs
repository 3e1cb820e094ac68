//! The one string in which a proxy's script writes its flags.

/// Bytes of the string that are read at most.
pub const RTPP_FLAGS_MAX: usize = 8_192;

/// The words of the string. A list in brackets is one value for each of its entries:
/// `codec-mask=[PCMU PCMA]` is `codec-mask=PCMU` and `codec-mask=PCMA`.
pub(crate) fn tokens(line: &str) -> impl Iterator<Item = String> {
    let mut end = line.len().min(RTPP_FLAGS_MAX);
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    let mut tokens = Vec::new();
    let mut list: Option<String> = None;
    for word in line[..end].split([' ', ';', '\t', '\r', '\n']).filter(|word| !word.is_empty()) {
        let mut word = word;
        if list.is_none()
            && let Some((name, first)) = word.split_once("=[")
            && !is_address(first)
        {
            list = Some(name.to_owned());
            word = first;
        }
        let Some(name) = &list else {
            tokens.push(word.to_owned());
            continue;
        };
        let (entries, is_last) = match word.split_once(']') {
            Some((entries, _)) => (entries, true),
            None => (word, false),
        };
        let entries = entries.split(',').filter(|entry| !entry.is_empty());
        tokens.extend(entries.map(|entry| format!("{name}={entry}")));
        if is_last {
            list = None;
        }
    }
    tokens.into_iter()
}

/// Whether what stands behind `[` is an IPv6 address.
fn is_address(text: &str) -> bool {
    text.split(']').next().is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Vec<String> {
        tokens(line).collect()
    }

    #[test]
    fn words_stand_between_spaces() {
        let words = split("  trust-address replace-origin ICE=force  RTP/SAVPF ");
        assert_eq!(words, ["trust-address", "replace-origin", "ICE=force", "RTP/SAVPF"]);
        assert!(split("").is_empty());
    }

    #[test]
    fn a_list_is_one_value_for_each_entry() {
        let words = split("codec-mask=[PCMU PCMA,G722] symmetric replace=[origin]");
        let expected = [
            "codec-mask=PCMU",
            "codec-mask=PCMA",
            "codec-mask=G722",
            "symmetric",
            "replace=origin",
        ];
        assert_eq!(words, expected);
        assert_eq!(split("a=[b"), ["a=b"]);
    }

    #[test]
    fn brackets_around_an_address_are_no_list() {
        assert_eq!(split("media-address=[2001:db8::1]"), ["media-address=[2001:db8::1]"]);
    }

    #[test]
    fn a_long_string_is_cut() {
        let line = "é".repeat(RTPP_FLAGS_MAX);
        assert_eq!(split(&line).concat().len(), RTPP_FLAGS_MAX);
    }
}
