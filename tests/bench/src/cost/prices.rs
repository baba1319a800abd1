//! What AWS asks, and what has to be assumed: `prices.json`, read and nothing else. No price is written down twice.

use serde::{Deserialize, Serialize};

use crate::Failure;

const TEXT: &str = include_str!("../../prices.json");

/// A price.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Dollars.
    pub usd: f64,
    /// For so many.
    pub per: f64,
    /// Of what.
    pub unit: String,
    /// As of when it is known.
    pub known: String,
}

impl Price {
    /// Dollars for so many.
    pub fn of(&self, quantity: f64) -> f64 {
        quantity * self.usd / self.per
    }
}

/// A price that falls with the quantity of a month.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tiered {
    /// Of what.
    pub unit: String,
    /// As of when it is known.
    pub known: String,
    /// The tiers, the smallest first.
    pub tiers: Vec<Tier>,
}

/// One of the tiers.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// Where it ends; the last one does not.
    pub up_to_gb: Option<f64>,
    /// Dollars for one.
    pub usd: f64,
}

impl Tiered {
    /// Dollars for so many in a month.
    pub fn of(&self, quantity: f64) -> f64 {
        let mut from = 0.0;
        let mut usd = 0.0;
        for tier in &self.tiers {
            let to = tier.up_to_gb.unwrap_or(f64::INFINITY).min(quantity);
            usd += (to - from).max(0.0) * tier.usd;
            from = from.max(to);
        }
        usd
    }
}

/// What nobody measured here.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Assumption {
    /// The figure.
    pub value: f64,
    /// What it stands on.
    pub why: String,
}

/// A struct of which every field is one kind of thing, and the list of them by name.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident of $kind:ty { $($field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize, Serialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $(pub $field: $kind,)+
        }

        impl $name {
            /// Each with its name.
            pub fn all(&self) -> Vec<(&'static str, &$kind)> {
                vec![$((stringify!($field), &self.$field)),+]
            }
        }
    };
}

named! {
    /// The prices.
    Prices of Price {
        lambda_request, lambda_gb_second, s3_put, s3_get, s3_gb_month, dynamodb_write, dynamodb_read, log_gb,
        metric_month, alarm_month, dashboard_month, schedule, kms_request, kms_key_month, kinesis_shard_hour,
        kinesis_put_unit, kinesis_retention_shard_hour, kinesis_stream_hour, kinesis_in_gb, kinesis_out_gb,
        kinesis_retention_gb_month, firehose_convert_gb, firehose_partition_gb, firehose_partition_object,
    }
}

named! {
    /// The assumptions.
    Assumed of Assumption {
        ingest_memory_mb, worker_memory_mb, dispatcher_memory_mb, get_ms, put_ms, ledger_ms, overlap, mb_per_second,
        cpu_ms_per_request, log_bytes, kms_share, kms_keys, alarms, dashboards, firehose_flush_s, firehose_object_mb,
    }
}

/// The file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// What it is.
    pub about: String,
    /// What is asked.
    pub prices: Prices,
    /// What Firehose asks to take data in.
    pub firehose_ingest_gb: Tiered,
    /// What is assumed.
    pub assumed: Assumed,
}

/// The list.
///
/// # Errors
/// Where the file is none.
pub fn read() -> Result<List, Failure> {
    Ok(serde_json::from_str(TEXT)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_reads_and_every_price_has_a_unit_and_a_date() {
        let list = read().unwrap();
        for (name, price) in list.prices.all() {
            assert!(price.usd > 0.0 && price.per >= 1.0, "{name}");
            assert!(!price.unit.is_empty() && price.known.starts_with("20"), "{name}");
        }
        for (name, assumption) in list.assumed.all() {
            assert!(assumption.value > 0.0 && !assumption.why.is_empty(), "{name}");
        }
    }

    #[test]
    fn a_price_is_for_its_unit() {
        let price = Price { usd: 5.0, per: 1_000.0, unit: "things".to_owned(), known: "2025".to_owned() };
        assert_eq!(price.of(200.0), 1.0);
        assert_eq!(price.of(400.0), 2.0 * price.of(200.0));
    }

    #[test]
    fn each_tier_takes_what_is_within_it() {
        let tier = |up_to_gb, usd| Tier { up_to_gb, usd };
        let tiers = vec![tier(Some(10.0), 3.0), tier(Some(30.0), 2.0), tier(None, 1.0)];
        let tiered = Tiered { unit: "GB".to_owned(), known: "2025".to_owned(), tiers };
        assert_eq!(tiered.of(0.0), 0.0);
        assert_eq!(tiered.of(10.0), 30.0);
        assert_eq!(tiered.of(11.0), 32.0);
        assert_eq!(tiered.of(40.0), 30.0 + 40.0 + 10.0);
    }
}
