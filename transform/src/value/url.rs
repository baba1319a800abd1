//! The host of a URL, by the generic syntax of RFC 3986: `scheme://[user@]host[:port]`, then a path, a query or a
//! fragment.
//!
//! Everything up to the host's end is held to the RFC's characters, since that is where a lenient reader and a browser
//! would see different hosts, as in `https://a.example\@b.example`. What follows is not looked at.

use std::ops::Range;

/// Where the host of a URL stands in it; brackets belong to it. Nothing where the text is no URL or has no host.
pub(super) fn host(url: &str) -> Option<Range<usize>> {
    let (scheme, rest) = url.split_once("://")?;
    let mut letters = scheme.bytes();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic());
    if !begins || !letters.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) {
        return None;
    }
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (host, port) = split_port(host)?;
    let named = !host.is_empty() && if host.starts_with('[') { is_literal(host) } else { is_made_of(host, b"") };
    if !named || !is_made_of(user, b":") || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let user_length = if authority.contains('@') { user.len() + 1 } else { 0 };
    let start = scheme.len() + 3 + user_length;
    Some(start..start + host.len())
}

/// A host and its port, which may be empty or missing.
fn split_port(host: &str) -> Option<(&str, &str)> {
    // The colons of an address in brackets are none before a port.
    let name_end = if host.starts_with('[') { host.find(']')? + 1 } else { host.find(':').unwrap_or(host.len()) };
    match host.split_at(name_end) {
        (name, "") => Some((name, "")),
        (name, port) => Some((name, port.strip_prefix(':')?)),
    }
}

/// Whether a text holds only what a name may: unreserved characters, sub-delimiters, percent-encoded bytes, and others.
fn is_made_of(text: &str, others: &[u8]) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => bytes.next().is_some_and(is_hex) && bytes.next().is_some_and(is_hex),
            byte => is_plain(byte) || others.contains(&byte),
        };
        if !fits {
            return false;
        }
    }
    true
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
}

/// Unreserved characters and sub-delimiters.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

/// Whether a text is an address in brackets: of version 6, or of a version to come.
fn is_literal(host: &str) -> bool {
    let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) else { return false };
    match address.strip_prefix(['v', 'V']) {
        Some(future) => future.split_once('.').is_some_and(|(version, address)| {
            let address_fits = address.bytes().all(|byte| is_plain(byte) || byte == b':');
            !version.is_empty() && version.bytes().all(is_hex) && !address.is_empty() && address_fits
        }),
        None => address.parse::<std::net::Ipv6Addr>().is_ok(),
    }
}

/// Appends a host in lower case; percent-encoded bytes stay as they are written.
pub(super) fn push_lower(host: &str, into: &mut String) {
    let mut parts = host.split('%');
    let mut push = |text: &str| into.extend(text.chars().map(|letter| letter.to_ascii_lowercase()));
    push(parts.next().unwrap_or_default());
    for part in parts {
        let (encoded, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        into.push('%');
        into.push_str(encoded);
        into.extend(rest.chars().map(|letter| letter.to_ascii_lowercase()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lower_host(url: &str) -> Option<String> {
        let mut text = String::new();
        push_lower(&url[host(url)?], &mut text);
        Some(text)
    }

    #[test]
    fn a_host_is_found_wherever_the_rfc_has_it() {
        for (url, expected) in [
            ("https://Example.COM", "example.com"),
            ("https://example.com/", "example.com"),
            ("http://user:pa%3Ass@example.com:8080/path?q#f", "example.com"),
            ("http://@example.com:/", "example.com"),
            ("ftp://example.com?x=https://other.example/", "example.com"),
            ("a+b-c.1://h#@x", "h"),
            ("https://192.0.2.1:443", "192.0.2.1"),
            ("https://[2001:DB8::1]:443/", "[2001:db8::1]"),
            ("https://[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]"),
            ("https://[v1F.a:B]/", "[v1f.a:b]"),
            ("https://M%C3%BCller.de/", "m%C3%BCller.de"),
            ("https://a_b~(c)!/", "a_b~(c)!"),
            ("https://example.com./ blank", "example.com."),
        ] {
            assert_eq!(lower_host(url).as_deref(), Some(expected), "{url}");
        }
    }

    #[test]
    fn what_has_no_host_is_no_url() {
        for url in [
            "",
            "example.com",
            "//example.com/",
            "mailto:a@example.com",
            "file:///etc/hosts",
            "https://",
            "https:///x",
            "https://:80/",
            "https://user@/",
            "1http://example.com",
            "ht tp://example.com",
            "://example.com",
            " https://example.com",
            "https://exa mple.com",
            "https://a.example\\@b.example/",
            "https://a@b@example.com/",
            "https://example.com:80x/",
            "https://example.com:80:80/",
            "https://müller.de/",
            "https://a%2/",
            "https://a%zz/",
            "https://[::1/",
            "https://::1]/",
            "https://[::1]x/",
            "https://[fe80::1%25eth0]/",
            "https://[192.0.2.1]/",
            "https://[v.a]/",
            "https://[]/",
            "https://a<b>/",
        ] {
            assert_eq!(lower_host(url), None, "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "\\PC{0,30}", near in "[a-z]{1,3}://[a-zA-Z0-9@:%\\[\\]./é]{0,20}") {
            let _ = lower_host(&text);
            if let Some(host) = lower_host(&near) {
                prop_assert!(!host.is_empty() && near.to_lowercase().contains(&host.to_lowercase()));
            }
        }
    }
}
