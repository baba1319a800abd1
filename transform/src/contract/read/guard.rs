//! How deep a text nests, told before it is parsed.
//!
//! The TOML parser bounds the nesting of brackets and the length of a key, but not the two together: 80 inline tables
//! of keys of 80 names nest 6400 deep, and a structure of that depth overflows a thread's stack as it is dropped. A
//! contract's keys have two names at most. So a text whose keys have more than [`KEY_DOTS_MAX`] dots is refused
//! unparsed. The tokens are cut as that parser cuts them, mistaken ones included.

/// Dots of a key.
pub(super) const KEY_DOTS_MAX: usize = 8;

/// Where a key has too many dots.
pub(super) fn too_many_dots(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut dots) = (0, 0);
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        at += match byte {
            b'.' => {
                dots += 1;
                if dots > KEY_DOTS_MAX {
                    return Some(at);
                }
                1
            }
            b'=' | b',' | b'[' | b']' | b'{' | b'}' | b'\r' | b'\n' => {
                dots = 0;
                1
            }
            b' ' | b'\t' => 1,
            b'#' => length(rest, |byte| byte == b'\r' || byte == b'\n'),
            b'\'' | b'"' => string(rest, byte),
            _ => length(rest, |byte| b".=,[]{} \t#\r\n".contains(&byte)),
        };
    }
    None
}

/// The bytes before the first that ends a token.
fn length(rest: &[u8], ends: impl Fn(u8) -> bool) -> usize {
    rest.iter().position(|&byte| ends(byte)).unwrap_or(rest.len())
}

/// The bytes of a string. One on a single line ends with it, where its closing quote was forgotten.
fn string(rest: &[u8], quote: u8) -> usize {
    let triple = [quote; 3];
    let several_lines = rest.starts_with(&triple);
    let mut at = if several_lines { 3 } else { 1 };
    while let Some(&byte) = rest.get(at) {
        let left = rest.get(at..).unwrap_or_default();
        if byte == b'\\' && quote == b'"' {
            let escaped = left.get(1).is_some_and(|&next| next == b'\\' || next == b'"');
            at += 1 + usize::from(escaped);
        } else if several_lines && left.starts_with(&triple) {
            // Up to two quotes more belong to the text.
            return at + 3 + left.iter().skip(3).take(2).take_while(|&&next| next == quote).count();
        } else if !several_lines && byte == quote {
            return at + 1;
        } else if !several_lines && byte == b'\n' {
            return at;
        } else {
            at += 1;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dots_of_keys_count() {
        for text in [
            "a.b = 1.5\nc.d = 2",
            "a = \"..........\"",
            "a = '..........' # ...............",
            "a = \"\"\"\n.....\"\"....\\\"\"\"...\n\"\"\"",
            "a = '''\n....''......\n'''",
            "a = [1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]",
            "[a.b]\n[a.c]\n[a.d]\n[a.e]\n[a.f]\n[a.g]\n[a.h]\n[a.i]\n[a.j]\n[a.k]",
        ] {
            assert_eq!(too_many_dots(text), None, "{text}");
        }
        for text in ["a.a.a.a.a.a.a.a.a.a = 1", "x = { a . a . a . \"a\".a.a.a.a.a.a = 1}", "\"\".\"\"........ = 2"] {
            assert!(too_many_dots(text).is_some(), "{text}");
        }
    }
}
