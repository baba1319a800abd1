//! Names of columns from the names of members.

use std::collections::BTreeSet;

use super::super::{Name, PARTITION_COLUMNS, REST_COLUMN, SYSTEM_COLUMNS, TYPE_PARTITION};

const NAME_CHARS_MAX: usize = 64;

/// The names that are taken.
#[derive(Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
}

impl Names {
    /// A name for the member at this place that no other column has.
    pub(super) fn of(&mut self, tokens: &[String]) -> Name {
        let base = snake_case(tokens);
        let mut number = 1_usize;
        loop {
            let suffix = if number == 1 { String::new() } else { format!("_{number}") };
            let stem: String = base.chars().take(NAME_CHARS_MAX - suffix.len()).collect();
            let name = format!("{stem}{suffix}");
            if let Ok(parsed) = name.parse::<Name>()
                && !reserved(&name)
                && self.taken.insert(name)
            {
                return parsed;
            }
            number += 1;
        }
    }
}

fn reserved(name: &str) -> bool {
    SYSTEM_COLUMNS.contains(&name) || PARTITION_COLUMNS.contains(&name) || [REST_COLUMN, TYPE_PARTITION].contains(&name)
}

/// `/user/homeAddress/ZIPCode` as `user_home_address_zip_code`.
fn snake_case(tokens: &[String]) -> String {
    let mut name = String::new();
    for token in tokens {
        let chars: Vec<char> = token.chars().collect();
        name.push('_');
        for (at, &c) in chars.iter().enumerate() {
            let before = at.checked_sub(1).and_then(|at| chars.get(at));
            let lower_before = before.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            let last_of_capitals =
                before.is_some_and(char::is_ascii_uppercase) && chars.get(at + 1).is_some_and(char::is_ascii_lowercase);
            if c.is_ascii_uppercase() && (lower_before || last_of_capitals) {
                name.push('_');
            }
            name.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
        }
    }
    let words: Vec<_> = name.split('_').filter(|word| !word.is_empty()).collect();
    let joined = words.join("_");
    if joined.starts_with(|c: char| c.is_ascii_lowercase()) {
        joined
    } else {
        format!("column_{joined}").trim_end_matches('_').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_snake_case_and_differ() {
        let mut names = Names::default();
        let mut name =
            |tokens: &[&str]| names.of(&tokens.iter().map(|token| (*token).to_owned()).collect::<Vec<_>>()).to_string();
        assert_eq!(name(&["user", "homeAddress", "ZIPCode"]), "user_home_address_zip_code");
        assert_eq!(name(&["user_home", "address.zip-code"]), "user_home_address_zip_code_2");
        assert_eq!(name(&["shard"]), "shard_2");
        assert_eq!(name(&["data"]), "data_2");
        assert_eq!(name(&["1st"]), "column_1st");
        assert_eq!(name(&["größe"]), "gr_e");
        assert_eq!(name(&["数"]), "column");
        assert_eq!(name(&[&"a".repeat(70)]).len(), 64);
        assert_eq!(name(&[&"a".repeat(71)]), format!("{}_2", "a".repeat(62)));
    }
}
