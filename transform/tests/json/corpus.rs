//! Small JSON documents and what is true of each: whether it is valid.
//!
//! Absent are objects that name a member twice, which the grammar has nothing against and a contract decides about,
//! and documents deeper than an event may be.

/// A document.
pub struct Document {
    /// What it shows.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it is valid.
    pub valid: bool,
}

/// Name and bytes.
type Entry = (&'static str, &'static [u8]);

/// All of them.
pub fn documents() -> Vec<Document> {
    let of_table =
        |valid| move |&(name, bytes): &Entry| Document { name: name.to_owned(), bytes: bytes.to_vec(), valid };
    let valid = [VALID_STRUCTURE, VALID_NUMBERS, VALID_STRINGS].into_iter().flatten().map(of_table(true));
    let invalid = [INVALID_STRUCTURE, INVALID_NUMBERS, INVALID_STRINGS, INVALID_UTF8, INVALID_REST];
    let invalid = invalid.into_iter().flatten().map(of_table(false));
    valid.chain(invalid).chain(families()).collect()
}

const VALID_STRUCTURE: &[Entry] = &[
    ("null", b"null"),
    ("true", b"true"),
    ("false", b"false"),
    ("array: empty", b"[]"),
    ("array: empty with blanks", b"[ \t\r\n ]"),
    ("array: one element", b"[1]"),
    ("array: every kind", br#"[null,true,false,0,"",[],{}]"#),
    ("array: of arrays", b"[[],[[]],[[],[]]]"),
    ("array: blanks everywhere", b" [ 1 , 2 , 3 ] "),
    ("array: of nulls", b"[null,null,null]"),
    ("object: empty", b"{}"),
    ("object: empty with blanks", b"{ \n }"),
    ("object: one member", br#"{"a":1}"#),
    ("object: two members", br#"{"a":1,"b":2}"#),
    ("object: blanks everywhere", b" { \"a\" : 1 , \"b\" : 2 } "),
    ("object: empty name", br#"{"":0}"#),
    ("object: name of blanks", br#"{" ":0}"#),
    ("object: name with escapes", br#"{"\u0061\n\"":0}"#),
    ("object: name beyond ASCII", "{\"größe\":1}".as_bytes()),
    ("object: name like a literal", br#"{"null":null,"true":true}"#),
    ("object: names that differ in case", br#"{"a":1,"A":2}"#),
    ("object: members of an event within", br#"{"id":1,"type":2,"time":3}"#),
    ("object: of objects", br#"{"a":{"b":{"c":{}}}}"#),
    ("object: name with a colon", br#"{"a:b":"c,d"}"#),
    ("object: prototype names", br#"{"__proto__":{},"constructor":1}"#),
    ("blanks: each kind before", b"\t\r\n 1"),
    ("blanks: each kind behind", b"1 \t\r\n"),
    ("blanks: line feeds between all", b"[\n1\n,\n{\n\"a\"\n:\n2\n}\n]"),
    ("blanks: carriage returns between all", b"[\r1\r,\r2\r]"),
    ("blanks: tabs between all", b"{\t\"a\"\t:\t[\t]\t}"),
];

const VALID_NUMBERS: &[Entry] = &[
    ("number: zero", b"0"),
    ("number: minus zero", b"-0"),
    ("number: minus zero with a fraction", b"-0.0"),
    ("number: minus zero with an exponent", b"-0e1"),
    ("number: one digit", b"7"),
    ("number: many digits", b"1234567890"),
    ("number: negative", b"-123"),
    ("number: fraction", b"3.14159"),
    ("number: fraction of zeros", b"1.000"),
    ("number: fraction that ends in zeros", b"1.2300"),
    ("number: small fraction", b"0.000001"),
    ("number: exponent", b"1e3"),
    ("number: exponent, capital", b"1E3"),
    ("number: exponent with plus", b"1e+3"),
    ("number: exponent with minus", b"1e-3"),
    ("number: exponent of zero", b"1e0"),
    ("number: exponent with zeros before it", b"1e-0005"),
    ("number: fraction and exponent", b"-1.5E+10"),
    ("number: zero with an exponent", b"0e5"),
    ("number: zero with a vast exponent", b"0e999999999999"),
    ("number: vanishing", b"1e-400"),
    ("number: vanishing at once", b"123.456e-999999999999"),
    ("number: smallest double", b"4.9406564584124654e-324"),
    ("number: largest double", b"1.7976931348623157e308"),
    ("number: largest double, negative", b"-1.7976931348623157e308"),
    ("number: rounds down to the largest double", b"1.79769313486231580e308"),
    ("number: i64 max", b"9223372036854775807"),
    ("number: i64 min", b"-9223372036854775808"),
    ("number: u64 max", b"18446744073709551615"),
    ("number: beyond u64", b"18446744073709551616"),
    ("number: beyond what a double holds exactly", b"9007199254740993"),
    ("number: forty digits", b"1234567890123456789012345678901234567890"),
    ("number: forty digits of a fraction", b"0.1234567890123456789012345678901234567890"),
    ("number: followed by a blank", b"[12 ]"),
    ("number: followed by a comma", b"[1.5e3,2]"),
];

const VALID_STRINGS: &[Entry] = &[
    ("string: empty", br#""""#),
    ("string: blank", br#"" ""#),
    ("string: ASCII", br#""order placed""#),
    ("string: every printable ASCII character", b"\" !#$%&'()*+,-./0123456789:;<=>?@AZ[]^_`az{|}~\""),
    ("string: delete is no control character to JSON", b"\"\x7F\""),
    ("string: slash as it is", br#""a/b""#),
    ("string: every short escape", br#""\"\\\/\b\f\n\r\t""#),
    ("string: escaped backslash before the end", br#""\\""#),
    ("string: two escaped backslashes", br#""\\\\""#),
    ("string: escaped quote before the end", br#""\"""#),
    ("string: escape of ASCII", br#""\u0041""#),
    ("string: escape in capitals", br#""\u00E9\u20AC""#),
    ("string: escape in mixed case", br#""\u20aC""#),
    ("string: escape of NUL", br#""\u0000""#),
    ("string: escape of a control character", br#""\u001f""#),
    ("string: escape of a quote", br#""\u0022""#),
    ("string: escape of a backslash", br#""\u005c""#),
    ("string: escape of a noncharacter", br#""\uFFFF\uFFFE\uFDD0""#),
    ("string: escape below the surrogates", br#""\uD7FF""#),
    ("string: escape above the surrogates", br#""\uE000""#),
    ("string: escape of a pair", br#""\uD83D\uDE00""#),
    ("string: escape of the first pair", br#""\uD800\uDC00""#),
    ("string: escape of the last pair", br#""\uDBFF\uDFFF""#),
    ("string: escape of two pairs", br#""\ud83d\ude00\ud83d\ude01""#),
    ("string: escaped backslash before u", br#""\\u12""#),
    ("string: escaped backslash before half a pair", br#""\\uD800""#),
    ("string: digits behind an escape", br#""\u00410""#),
    ("string: UTF-8 of two bytes", "\"é\"".as_bytes()),
    ("string: UTF-8 of three bytes", "\"€\"".as_bytes()),
    ("string: UTF-8 of four bytes", "\"😀\"".as_bytes()),
    ("string: first of two bytes", "\"\u{80}\"".as_bytes()),
    ("string: last of two bytes", "\"\u{7FF}\"".as_bytes()),
    ("string: first of three bytes", "\"\u{800}\"".as_bytes()),
    ("string: before the surrogates", "\"\u{D7FF}\"".as_bytes()),
    ("string: behind the surrogates", "\"\u{E000}\"".as_bytes()),
    ("string: first of four bytes", "\"\u{10000}\"".as_bytes()),
    ("string: last of all", "\"\u{10FFFF}\"".as_bytes()),
    ("string: line separators", "\"\u{2028}\u{2029}\"".as_bytes()),
    ("string: byte order mark within", "\"\u{FEFF}\"".as_bytes()),
    ("string: blank beyond ASCII", "\"\u{A0}\u{2003}\"".as_bytes()),
    ("string: combining characters", "\"e\u{301}\"".as_bytes()),
    ("string: right to left", "\"\u{202E}שלום\"".as_bytes()),
    ("string: brackets", br#""[{]}""#),
    ("string: a comment", br#""/* // #""#),
    ("string: a document", br#""{\"a\":1}""#),
    ("string: a number beyond a double", br#""1e999""#),
];

const INVALID_STRUCTURE: &[Entry] = &[
    ("nothing", b""),
    ("blanks alone", b" \t "),
    ("array: open", b"["),
    ("array: open behind an element", b"[1"),
    ("array: open behind a comma", b"[1,"),
    ("array: closed twice", b"[1]]"),
    ("array: closed alone", b"]"),
    ("array: closed as an object", b"[1}"),
    ("array: comma alone", b"[,]"),
    ("array: comma before", b"[,1]"),
    ("array: comma behind", b"[1,]"),
    ("array: two commas", b"[1,,2]"),
    ("array: two commas behind", b"[1,,]"),
    ("array: no comma", b"[1 2]"),
    ("array: no comma between strings", br#"["a" "b"]"#),
    ("array: no comma between arrays", b"[[][]]"),
    ("array: colon", br#"["a":1]"#),
    ("array: semicolon", b"[1;2]"),
    ("array: open within", b"[[1]"),
    ("array: crossed with an object", br#"[{"a":1]}"#),
    ("array: round brackets", b"(1)"),
    ("array: ellipsis", b"[1,...]"),
    ("object: open", b"{"),
    ("object: open behind a name", br#"{"a""#),
    ("object: open behind a colon", br#"{"a":"#),
    ("object: open behind a comma", br#"{"a":1,"#),
    ("object: closed alone", b"}"),
    ("object: closed as an array", br#"{"a":1]"#),
    ("object: comma alone", b"{,}"),
    ("object: comma before", br#"{,"a":1}"#),
    ("object: comma behind", br#"{"a":1,}"#),
    ("object: two commas", br#"{"a":1,,"b":2}"#),
    ("object: no comma", br#"{"a":1 "b":2}"#),
    ("object: no colon", br#"{"a" 1}"#),
    ("object: two colons", br#"{"a"::1}"#),
    ("object: equals sign", br#"{"a"=1}"#),
    ("object: arrow", br#"{"a"=>1}"#),
    ("object: comma for a colon", br#"{"a",1}"#),
    ("object: no value", br#"{"a":}"#),
    ("object: no name", b"{:1}"),
    ("object: name alone", br#"{"a"}"#),
    ("object: name without quotes", b"{a:1}"),
    ("object: name in single quotes", b"{'a':1}"),
    ("object: name of a number", b"{1:1}"),
    ("object: name of null", b"{null:1}"),
    ("object: name of an array", b"{[]:1}"),
    ("object: name with half a pair", br#"{"\uD800":1}"#),
    ("object: name with a raw line feed", b"{\"a\nb\":1}"),
    ("object: element", b"{1}"),
    ("object: crossed with an array", br#"{"a":[1}]"#),
    ("trailing: number", b"1 2"),
    ("trailing: object", b"{} {}"),
    ("trailing: arrays side by side", b"[][]"),
    ("trailing: comma", b"1,"),
    ("trailing: semicolon", b"1;"),
    ("trailing: bracket", br#"{"a":1}]"#),
    ("trailing: word", b"{}x"),
    ("trailing: quote", br#"1""#),
    ("trailing: NUL", b"1\x00"),
    ("trailing: string behind a string", br#""a""b""#),
    ("trailing: colon", br#""a":"#),
];

const INVALID_NUMBERS: &[Entry] = &[
    ("number: minus alone", b"-"),
    ("number: plus", b"+1"),
    ("number: plus zero", b"+0"),
    ("number: two minuses", b"--1"),
    ("number: minus behind", b"1-"),
    ("number: blank behind minus", b"- 1"),
    ("number: blank within", b"[1 000]"),
    ("number: zero before", b"01"),
    ("number: zeros alone", b"00"),
    ("number: zero before, negative", b"-01"),
    ("number: zero before a fraction", b"01.5"),
    ("number: zeros before an exponent", b"00e1"),
    ("number: point before", b".5"),
    ("number: point before, negative", b"-.5"),
    ("number: point behind", b"1."),
    ("number: point behind zero", b"0."),
    ("number: point alone", b"."),
    ("number: point before an exponent", b"1.e3"),
    ("number: two points", b"1.2.3"),
    ("number: two points together", b"1..2"),
    ("number: decimal comma in an object", br#"{"a":1,5}"#),
    ("number: exponent without digits", b"1e"),
    ("number: exponent without digits, capital", b"1E"),
    ("number: exponent of a plus", b"1e+"),
    ("number: exponent of a minus", b"1e-"),
    ("number: exponent with a point", b"1e1.5"),
    ("number: exponent twice", b"1e2e3"),
    ("number: exponent with two signs", b"1e+-2"),
    ("number: exponent with a blank", b"1e 2"),
    ("number: exponent alone", b"e1"),
    ("number: zero with an exponent without digits", b"0e"),
    ("number: fraction with an exponent without digits", b"0.1e"),
    ("number: hexadecimal", b"0x1F"),
    ("number: octal", b"0o17"),
    ("number: binary", b"0b1"),
    ("number: underscore", b"1_000"),
    ("number: apostrophe", b"1'000"),
    ("number: suffix", b"1n"),
    ("number: float suffix", b"1.0f"),
    ("number: unit", b"12px"),
    ("number: percent", b"50%"),
    ("number: currency", b"$1"),
    ("number: fraction bar", b"1/2"),
    ("number: sum", b"1+2"),
    ("number: NaN", b"NaN"),
    ("number: nan", b"nan"),
    ("number: Infinity", b"Infinity"),
    ("number: minus Infinity", b"-Infinity"),
    ("number: inf", b"inf"),
    ("number: minus letter", b"-a"),
    ("number: digits of full width", "１２".as_bytes()),
    ("number: digits of another script", "١٢".as_bytes()),
    ("number: mathematical minus", "\u{2212}1".as_bytes()),
    ("number: beyond a double", b"1e309"),
    ("number: beyond a double, negative", b"-1e309"),
    ("number: just beyond the largest double", b"1.7976931348623159e308"),
    ("number: beyond a double by its fraction", b"0.1e310"),
    ("number: vast exponent", b"1e400000000"),
    ("number: exponent beyond 64 bits", b"1e99999999999999999999"),
    ("number: exponent beyond 64 bits, capital", b"[-1E+99999999999999999999]"),
];

const INVALID_STRINGS: &[Entry] = &[
    ("string: open", br#"""#),
    ("string: open behind a character", br#""a"#),
    ("string: open behind an escaped quote", br#""\""#),
    ("string: open behind a backslash", br#""\"#),
    ("string: closed alone", br#"a""#),
    ("string: single quotes", b"'a'"),
    ("string: backticks", b"`a`"),
    ("string: typographic quotes", "“a”".as_bytes()),
    ("string: no quotes", b"abc"),
    ("string: quote within", br#""a"b""#),
    ("string: triple quotes", br#""""a""""#),
    ("string: prefix", br#"b"a""#),
    ("string: sum", br#""a"+"b""#),
    ("string: escape of three digits", br#""\u123""#),
    ("string: escape of no digits", br#""\u""#),
    ("string: escape of a letter beyond f", br#""\u12G4""#),
    ("string: escape with a sign", br#""\u+123""#),
    ("string: escape with a blank", br#""\u 123""#),
    ("string: escape with a brace", br#""\u{41}""#),
    ("string: escape in capital U", br#""\U0041""#),
    ("string: escape cut by the end", br#"["\u00"#),
    ("string: escape of hexadecimal", br#""\x41""#),
    ("string: escape of octal", br#""\101""#),
    ("string: escape of NUL in short", br#""\0""#),
    ("string: escape of a single quote", br#""\'""#),
    ("string: escape of a blank", br#""\ ""#),
    ("string: escape of a line feed", b"\"\\\n\""),
    ("string: escape of a carriage return", b"\"\\\r\""),
    ("string: escape beyond ASCII", "\"\\é\"".as_bytes()),
    ("string: escape without a string", br"\u0031"),
    ("string: escaped quote without a string", br#"\"a\""#),
    ("string: first half of a pair", br#""\uD800""#),
    ("string: first half, the last of them", br#""\uDBFF""#),
    ("string: second half of a pair", br#""\uDC00""#),
    ("string: second half, the last of them", br#""\uDFFF""#),
    ("string: two first halves", br#""\uD83D\uD83D""#),
    ("string: halves the wrong way round", br#""\uDE00\uD83D""#),
    ("string: first half before a character", br#""\uD83Dx""#),
    ("string: first half before a short escape", br#""\uD83D\n""#),
    ("string: first half before an escape of a character", br#""\uD83D\u0041""#),
    ("string: first half before an escaped backslash", br#""\uD83D\\uDE00""#),
    ("string: first half before a cut escape", br#""\uD83D\uDE""#),
    ("string: first half at the end", br#""a\uD83D""#),
    ("string: second half behind a pair", br#""\uD83D\uDE00\uDE00""#),
    ("string: two first halves before a second", br#""\uD83D\uD83D\uDE00""#),
    ("string: half a pair in lower case", br#""\ud83d""#),
];

const INVALID_UTF8: &[Entry] = &[
    ("UTF-8: continuation alone", b"\"\x80\""),
    ("UTF-8: last continuation alone", b"\"\xBF\""),
    ("UTF-8: continuation behind a character", b"\"\xC3\xA9\xA9\""),
    ("UTF-8: two bytes, cut", b"\"\xC3\""),
    ("UTF-8: three bytes, cut by one", b"\"\xE2\x82\""),
    ("UTF-8: three bytes, cut by two", b"\"\xE2\""),
    ("UTF-8: four bytes, cut by one", b"\"\xF0\x9F\x98\""),
    ("UTF-8: four bytes, cut by three", b"\"\xF0\""),
    ("UTF-8: cut by the end", b"\"\xF0\x9F"),
    ("UTF-8: two bytes, the second ASCII", b"\"\xC3a\""),
    ("UTF-8: three bytes, the second ASCII", b"\"\xE2a\x82\""),
    ("UTF-8: three bytes, the third a beginning", b"\"\xE2\x82\xC3\""),
    ("UTF-8: overlong NUL", b"\"\xC0\x80\""),
    ("UTF-8: overlong slash of two bytes", b"\"\xC0\xAF\""),
    ("UTF-8: overlong slash of three bytes", b"\"\xE0\x80\xAF\""),
    ("UTF-8: overlong slash of four bytes", b"\"\xF0\x80\x80\xAF\""),
    ("UTF-8: overlong last of two bytes", b"\"\xC1\xBF\""),
    ("UTF-8: overlong last of three bytes", b"\"\xE0\x9F\xBF\""),
    ("UTF-8: overlong last of four bytes", b"\"\xF0\x8F\xBF\xBF\""),
    ("UTF-8: overlong quote", b"\"\xC0\xA2"),
    ("UTF-8: first surrogate", b"\"\xED\xA0\x80\""),
    ("UTF-8: last surrogate", b"\"\xED\xBF\xBF\""),
    ("UTF-8: pair of surrogates", b"\"\xED\xA0\xBD\xED\xB8\x80\""),
    ("UTF-8: beyond the last character", b"\"\xF4\x90\x80\x80\""),
    ("UTF-8: far beyond the last character", b"\"\xF5\x80\x80\x80\""),
    ("UTF-8: five bytes", b"\"\xF8\x88\x80\x80\x80\""),
    ("UTF-8: six bytes", b"\"\xFC\x84\x80\x80\x80\x80\""),
    ("UTF-8: FE", b"\"\xFE\""),
    ("UTF-8: FF", b"\"\xFF\""),
    ("UTF-8: Latin-1", b"\"gr\xF6\xDFe\""),
    ("UTF-8: in a name", b"{\"\xFF\":1}"),
    ("UTF-8: outside a string", b"[\xFF]"),
    ("UTF-8: behind an escape", b"\"\\n\xFF\""),
    ("UTF-8: as an escape", b"\"\\\xC3\""),
    ("UTF-8: within a unicode escape", b"\"\\u00\xC3\xA9\""),
    ("UTF-8: UTF-16, little end first", b"\"\x00a\x00\"\x00"),
    ("UTF-8: UTF-16 with its mark", b"\xFF\xFE\"\x00a\x00\"\x00"),
];

const INVALID_REST: &[Entry] = &[
    ("mark: before a number", b"\xEF\xBB\xBF1"),
    ("mark: before an object", b"\xEF\xBB\xBF{}"),
    ("mark: behind", b"1\xEF\xBB\xBF"),
    ("mark: half", b"\xEF\xBB1"),
    ("blank: no-break space", b"\xC2\xA01"),
    ("blank: em space", "[\u{2003}1]".as_bytes()),
    ("blank: line separator", "[1,\u{2028}2]".as_bytes()),
    ("blank: next line", "\u{85}1".as_bytes()),
    ("blank: zero width", "\u{200B}1".as_bytes()),
    ("blank: word joiner", "\u{2060}1".as_bytes()),
    ("blank: escaped", br"\n1"),
    ("comment: block", b"/* a */1"),
    ("comment: line", b"1//a"),
    ("comment: hash", b"1#a"),
    ("comment: in an array", b"[1/**/]"),
    ("comment: in an object", b"{/**/\"a\":1}"),
    ("comment: HTML", b"<!-- -->1"),
    ("literal: True", b"True"),
    ("literal: TRUE", b"TRUE"),
    ("literal: False", b"False"),
    ("literal: Null", b"Null"),
    ("literal: None", b"None"),
    ("literal: undefined", b"undefined"),
    ("literal: nil", b"nil"),
    ("literal: cut null", b"nul"),
    ("literal: cut true", b"tru"),
    ("literal: cut false", b"fals"),
    ("literal: one letter", b"t"),
    ("literal: letter more", b"nulll"),
    ("literal: digit more", b"true1"),
    ("literal: two together", b"truefalse"),
    ("literal: blank within", b"nu ll"),
    ("literal: negative", b"-true"),
    ("literal: negated", b"!true"),
    ("literal: yes", b"yes"),
    ("literal: with an accent", "trué".as_bytes()),
    ("other: XML", b"<a>1</a>"),
    ("other: YAML", b"a: 1"),
    ("other: function", b"f(1)"),
    ("other: date", b"2026-11-21"),
    ("other: time", b"12:30"),
    ("other: question mark", b"?"),
    ("other: star", b"[*]"),
    ("other: ampersand", b"&"),
    ("other: backslash", b"\\"),
    ("other: at sign", b"@a"),
    ("other: variable", b"${a}"),
];

/// Documents of one kind, one for each of a number of bytes or lengths.
fn families() -> Vec<Document> {
    let mut all = Vec::new();
    let mut add = |name: String, bytes: Vec<u8>, valid| all.push(Document { name, bytes, valid });
    for byte in 0..0x20_u8 {
        add(format!("control: {byte:#04x} in a string"), vec![b'"', b'a', byte, b'"'], false);
        add(format!("control: {byte:#04x} escaped"), format!("\"\\u{byte:04X}\"").into_bytes(), true);
        let blank = matches!(byte, b'\t' | b'\n' | b'\r');
        add(format!("control: {byte:#04x} between elements"), vec![b'[', b'1', byte, b',', b'2', b']'], blank);
    }
    for letter in b'a'..=b'z' {
        let valid = b"bfnrt".contains(&letter);
        add(format!("escape: {}", char::from(letter)), vec![b'"', b'\\', letter, b'"'], valid);
    }
    for depth in [2, 10, 50] {
        let nested = |open: &str, middle: &str, close: &str, closed| {
            format!("{}{middle}{}", open.repeat(depth), close.repeat(closed)).into_bytes()
        };
        add(format!("depth: {depth} arrays"), nested("[", "", "]", depth), true);
        add(format!("depth: {depth} objects"), nested("{\"a\":", "1", "}", depth), true);
        add(format!("depth: {depth} arrays, one open"), nested("[", "", "]", depth - 1), false);
        add(format!("depth: {depth} objects, one open"), nested("{\"a\":", "1", "}", depth - 1), false);
        add(format!("depth: {depth} objects, one closed twice"), nested("{\"a\":", "1", "}", depth + 1), false);
    }
    add("depth: 100,000 open arrays".to_owned(), b"[".repeat(100_000), false);
    add("depth: 100,000 open objects".to_owned(), b"{\"a\":".repeat(100_000), false);
    for length in [309, 1000, 100_000] {
        let (digits, zeros) = ("9".repeat(length), "0".repeat(length));
        add(format!("length: {length} digits"), digits.clone().into_bytes(), false);
        add(format!("length: {length} digits, negative"), format!("-{digits}.5").into_bytes(), false);
        add(format!("length: {length} digits of a fraction"), format!("0.{digits}").into_bytes(), true);
        add(format!("length: {length} zeros before the first digit"), format!("0.{zeros}1").into_bytes(), true);
        add(format!("length: {length} digits, made small again"), format!("{digits}e-{length}").into_bytes(), true);
        add(
            format!("length: {length} zeros before it, made large again"),
            format!("0.{zeros}1e{length}").into_bytes(),
            true,
        );
        add(format!("length: exponent with {length} zeros before it"), format!("1e{zeros}1").into_bytes(), true);
        add(format!("length: string of {length}"), format!("\"{digits}\"").into_bytes(), true);
        add(format!("length: string of {length}, open"), format!("\"{digits}").into_bytes(), false);
    }
    // So long that their exponents have more digits than the standard library reads.
    let zeros = "0".repeat(700_000);
    add("vast: a one, made large and small again".to_owned(), format!("1{zeros}e-700000").into_bytes(), true);
    add("vast: a one, made small and large again".to_owned(), format!("0.{zeros}1e700001").into_bytes(), true);
    add("vast: made small and larger than a double".to_owned(), format!("0.{zeros}1e1300000").into_bytes(), false);
    add("vast: made small and smaller still".to_owned(), format!("0.{zeros}1e-1300000").into_bytes(), true);
    all
}
