//! Contracts to test with.

use iguazu_transform::contract::Contract;
use iguazu_transform::contract::ddl::LakeLocation;

/// The example of the repository.
pub const ORDERS: &str = include_str!("../../../contracts/orders.toml");

pub fn orders() -> Contract {
    parse(ORDERS)
}

pub fn parse(text: &str) -> Contract {
    match Contract::parse("contract.toml", text) {
        Ok(contract) => contract,
        Err(errors) => panic!("{errors}\nin\n{text}"),
    }
}

/// What is wrong with a text, a problem a line.
pub fn problems(text: &str) -> Vec<String> {
    match Contract::parse("c.toml", text) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.to_string().lines().map(str::to_owned).collect(),
    }
}

pub fn lake() -> LakeLocation {
    LakeLocation::new("analytics", "s3://example-lake/prod/", 2024..=2035).unwrap()
}
