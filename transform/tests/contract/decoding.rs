//! What the reader of contracts lets pass, the decoder can work with.

use bytes::Bytes;
use iguazu_lake::ids::Timestamp;
use iguazu_transform::contract::{Contract, infer};
use iguazu_transform::{Batch, Catalog, Limits, Parquet, Payload, Record, Secrets, Source};
use proptest::prelude::*;

use crate::canonical::contract;
use crate::inferring::{json, sample};
use crate::support::orders;

fn catalog(contract: &Contract) -> Catalog {
    let mut secrets = Secrets::new();
    for name in contract.secrets() {
        secrets.insert(name.clone(), &[7; 32]).unwrap();
    }
    Catalog::new(vec![contract.clone()], &secrets, Limits::default()).unwrap()
}

/// How many of the documents become events, and why the others do not.
fn taken(contract: &Contract, documents: &[String]) -> (u64, String) {
    let catalog = catalog(contract);
    let mut batch = Batch::new(&catalog);
    let mut accepted = 0;
    for (at, document) in documents.iter().enumerate() {
        let payload = Payload::Data(Bytes::copy_from_slice(document.as_bytes()));
        // 2026-11-21T12:40:00Z
        let arrival = Timestamp::from_millis(1_795_264_800_000);
        accepted += batch.push(&Record { sequence: (at as u64 + 1).into(), arrival, payload }).accepted;
    }
    let source = Source { chain: "shard.orders.1767225600000.shardId-000000000003".parse().unwrap() };
    let output = batch.finish(&source, &Parquet).unwrap();
    (accepted, format!("{:?}", output.counts))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_contract_that_was_read_can_be_served(contract in contract()) {
        let _ = catalog(&contract);
    }

    #[test]
    fn a_draft_takes_every_sample_that_it_was_made_from(values in prop::collection::vec(json(), 1..5)) {
        let samples: Vec<String> =
            values.iter().enumerate().map(|(at, value)| sample(at, &format!("\"x\":{value}"))).collect();
        let bytes: Vec<&[u8]> = samples.iter().map(String::as_bytes).collect();
        let mut draft = infer(&"orders".parse().unwrap(), &bytes).unwrap();
        // What names a member twice is refused by default, and the samples may.
        draft.duplicate_keys = iguazu_transform::contract::DuplicateKeys::Last;
        let (accepted, why) = taken(&draft, &samples);
        prop_assert_eq!(accepted, samples.len() as u64, "{} {:?}\n{}", why, samples, draft.to_toml());
    }
}

#[test]
fn the_example_takes_an_event_as_its_schema_describes_it() {
    let good = r#"{"messageId": "m-1", "event": "order.paid", "sentAt": 1795264200000, "env": "prod", "coupon": "XMAS",
        "order": {"id": "A-1", "total": "12.30", "currency": null, "placedAt": 1795264100000, "gift": true,
            "deliverAt": "2026-11-22T08:15:00+01:00", "deliverOn": "2026-11-22", "weight": "1.5", "tags": ["new", null],
            "items": [{"sku": "x", "quantity": 2, "unitPrice": 6.15, "colour": "red"}]},
        "customer": {"email": " Ada@Example.com ", "points": 7, "note": "thanks"}, "payment": {"card": 4111},
        "context": {"page": {"referrer": "https://shop.example/cart"}}}"#;
    let bad = [
        good.replace("\"prod\"", "\"dev\""),
        good.replace("\"coupon\"", "\"test\""),
        good.replace("order.paid", "invoice.paid"),
        good.replace("\"id\": \"A-1\", ", ""),
        good.replace("\"total\": \"12.30\"", "\"total\": \"twelve\""),
        good.replace("\"gift\": true", "\"gift\": \"yes\""),
    ];
    assert_eq!(taken(&orders(), &[good.to_owned()]).0, 1, "{}", taken(&orders(), &[good.to_owned()]).1);
    for document in bad {
        assert_eq!(taken(&orders(), std::slice::from_ref(&document)).0, 0, "{document}");
    }
}
