//! The built-in workload: a shop with orders, of which the latest copy counts, and visits, of which the first does.

use iguazu_setup::contracts::Text;

const CONTRACTS: [(&str, &str); 2] = [
    ("orders.toml", include_str!("../../contracts/orders.toml")),
    ("visits.toml", include_str!("../../contracts/visits.toml")),
];

/// Its contracts, each with the name of its file.
#[must_use]
pub fn contracts() -> Vec<Text> {
    CONTRACTS.map(|(file, text)| (file.to_owned(), text.to_owned())).to_vec()
}
