use super::*;

const BOUNDS: Bounds = Bounds { depth_max: 5, members_max: 40 };

/// The values at places, as they are written.
fn found(text: &str, pointers: &[&str]) -> Result<Vec<String>, Reason> {
    let mut paths = Paths::new();
    let slots: Vec<_> = pointers.iter().map(|pointer| paths.place(&pointer.parse().unwrap()).unwrap().0).collect();
    let mut walk = Walk::default();
    walk.pass(r#"{"a":{"b":"left over"}}"#, &paths, BOUNDS).unwrap();
    walk.pass(text, &paths, BOUNDS)?;
    let value = |slot| walk.at(slot).map_or("-", |found| &text[found.start as usize..found.end as usize]).to_owned();
    Ok(slots.into_iter().map(value).collect())
}

#[test]
fn of_members_of_one_name_the_last_counts_with_all_that_is_in_it() {
    let pointers = ["/a/b", "/a/c/0", "/a"];
    for (text, expected) in [
        (r#"{"a":{"b":1,"c":[2]},"a":{"c":[]}}"#, ["-", "-", r#"{"c":[]}"#]),
        (r#"{"a":{"b":1,"c":[2]}, "a" : 3}"#, ["-", "-", "3"]),
        (r#"{"a":3,"a":{"b":1,"\u0063":["2"]}}"#, ["1", "2", r#"{"b":1,"\u0063":["2"]}"#]),
        (r#"{"a":{"b":1,"c":[2],"c":[],"b":3}}"#, ["3", "-", r#"{"b":1,"c":[2],"c":[],"b":3}"#]),
        (r#"{"a":{"b":1},"x":{"a":2,"a":3}}"#, ["1", "-", r#"{"b":1}"#]),
    ] {
        assert_eq!(found(text, &pointers).unwrap(), expected, "{text}");
    }
}

#[test]
fn values_are_found_where_contracts_look() {
    let text = r#" { "a" : {"b":[10,{"c":"x\ny"},[3]], "d":null} , "e":-1.50 , "\u0066":true, "g":{} } "#;
    assert_eq!(
        found(text, &["/a/b/1/c", "/a/b/0", "/a/b/2", "/a/d", "/e", "/f", "/g", "/a/b", "/h", "/a/b/3"]).unwrap(),
        [r"x\ny", "10", "[3]", "null", "-1.50", "true", "{}", r#"[10,{"c":"x\ny"},[3]]"#, "-", "-"]
    );
}

#[test]
fn the_outermost_members_are_listed_with_their_whole_values() {
    let text = r#"{"a":"x", "b" : [1, {"c":2}] ,"d":{}}"#;
    let mut walk = Walk::default();
    assert_eq!(walk.pass(text, &Paths::new(), BOUNDS), Ok(Kind::Object));
    let part = |(start, end): (u32, u32)| &text[start as usize..end as usize];
    let members: Vec<_> = walk.members.iter().map(|member| (raw(text, member.name), part(member.value))).collect();
    assert_eq!(members, [("a", r#""x""#), ("b", r#"[1, {"c":2}]"#), ("d", "{}")]);
    assert_eq!(walk.depth, 3);
}

#[test]
fn a_name_that_occurs_twice_is_noticed_wherever_it_stands() {
    let many = |names: &mut dyn Iterator<Item = usize>| {
        format!("{{{}}}", names.map(|name| format!("\"name{name}\":0")).collect::<Vec<_>>().join(","))
    };
    for (text, duplicate) in [
        (r#"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":2}]}"#.to_owned(), None),
        (r#"{"a":1,"a":2}"#.to_owned(), Some(7)),
        (r#"{"x":[{"a":1,"\u0061":2}]}"#.to_owned(), Some(13)),
        (r#"{"x":{"a":1,"a":2},"x":1}"#.to_owned(), Some(12)),
        (many(&mut (0..39)), None),
        (many(&mut (0..30).chain([7])), Some(many(&mut (0..30)).len())),
    ] {
        let mut walk = Walk::default();
        assert!(walk.pass(&text, &Paths::new(), BOUNDS).is_ok());
        assert_eq!(walk.duplicate, duplicate, "{text}");
    }
}

#[test]
fn what_is_expected_changes_nothing_of_what_is_read() {
    let texts = [
        r#"{"a":{"b":1,"c":2},"d":[{"b":3},{"b":4,"b":5}]}"#,
        r#"{"a":{"b":1,"c":2},"d":[{"b":3},{"b":4,"c":5}]}"#,
        r#"{"a":{"c":1,"b":2},"d":[{"b" :3},{"\u0062":4,"b":5}]}"#,
        r#"{"d":{"b":1},"a":[{"b":1,"c":2}]}"#,
        r#"{"a":{"b":1,"c":2,"c":3},"d":0}"#,
    ];
    let mut paths = Paths::new();
    for pointer in ["/a/b", "/a/c", "/d/1/b", "/d/0/b", "/d"] {
        paths.place(&pointer.parse().unwrap()).unwrap();
    }
    let said = |walk: &Walk| (walk.found.clone(), walk.members.clone(), walk.depth, walk.duplicate);
    let mut practised = Walk::default();
    for text in texts.iter().cycle().take(20) {
        let mut fresh = Walk::default();
        assert_eq!(practised.pass(text, &paths, BOUNDS), fresh.pass(text, &paths, BOUNDS));
        assert_eq!(said(&practised), said(&fresh), "{text}");
    }
}

#[test]
fn the_last_of_several_values_is_the_one_that_is_found() {
    assert_eq!(found(r#"{"a":1,"a":"two"}"#, &["/a"]).unwrap(), ["two"]);
}

#[test]
fn nothing_is_found_within_a_value_that_was_overridden() {
    let places = ["/a/b", "/a/c", "/d/0", "/d/1"];
    for (text, expected) in [
        (r#"{"a":{"b":1},"a":{"c":2}}"#, ["-", "2", "-", "-"]),
        (r#"{"a":{"b":1,"c":3},"\u0061":null}"#, ["-", "-", "-", "-"]),
        (r#"{"a":{"b":1,"b":2}}"#, ["2", "-", "-", "-"]),
        (r#"{"d":[1,2],"a":{"c":{"x":1,"x":2}},"d":[3]}"#, ["-", r#"{"x":1,"x":2}"#, "3", "-"]),
    ] {
        let mut paths = Paths::new();
        let slots = places.map(|pointer| paths.place(&pointer.parse().unwrap()).unwrap().0);
        let mut walk = Walk::default();
        walk.pass(text, &paths, BOUNDS).unwrap();
        assert!(walk.duplicate.is_some());
        let value = |slot| walk.at(slot).map_or("-", |found| &text[found.start as usize..found.end as usize]);
        assert_eq!(slots.map(value), expected, "{text}");
    }
}

#[test]
fn bounds_hold_and_what_follows_a_document_is_refused() {
    assert_eq!(found("[[[[[]]]]]", &[]), Ok(vec![]));
    assert_eq!(found("[[[[[[]]]]]]", &[]), Err(Reason::TooDeep { byte: 5, limit: 5 }));
    let members = |count: usize| {
        format!("{{\"o\":{{{}}}}}", (0..count).map(|n| format!("\"{n}\":0")).collect::<Vec<_>>().join(","))
    };
    assert_eq!(found(&members(40), &[]), Ok(vec![]));
    assert_eq!(found(&members(41), &[]), Err(Reason::TooManyMembers { limit: 40 }));
    let problem = "something follows the document";
    assert_eq!(found("{} {}", &[]), Err(Reason::JsonSyntax { byte: 3, problem }));
}
