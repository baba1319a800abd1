//! The ledger in one DynamoDB table.
//!
//! ```text
//! chain (S, partition key)          n (S, sort key)                   attempt (S)   body (S)
//! shard.orders.1763.shardId-0000    00000000000000000042              4f1c…         {…}
//! registry                          shard.orders.1763.shardId-0000
//! ```
//!
//! - One table for the rows and for the registry, so a deployment has one thing to create, to grant and to back up.
//!   That is why the sort key is a text: the registry is sorted by the chains' texts, and a row number of 20 digits
//!   with leading zeros sorts as a text as it does as a number. No chain's text is `registry`.
//! - A row is put on the condition that its key is free, and a refusal returns the row that is there, so a lost reply is
//!   told from a lost race without a second call.
//! - Every read is strongly consistent. Secondary indexes cannot be read so, and there is none.
//! - A row is at most 400 KB, key and attribute names included; a larger one is a lasting fault.

use std::collections::hash_map;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};

use super::fault::{Effect, port_error};
use crate::ids::{ChainId, RowNumber};
use crate::ports::{Fault, Ledger, PortError, PutRow, Shrunk, StoredRow};

const PUT: &str = "dynamodb PutItem";
const GET: &str = "dynamodb GetItem";
const QUERY: &str = "dynamodb Query";
const UPDATE: &str = "dynamodb UpdateItem";

/// The partition that holds the registry.
const REGISTRY: &str = "registry";

#[expect(clippy::disallowed_types, reason = "the SDK hands items over in it; it is read by name, never walked")]
type Item = std::collections::HashMap<String, AttributeValue>;

/// The ledger of one table.
#[derive(Clone, Debug)]
pub struct DynamoLedger {
    client: Client,
    table: String,
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A row's number as the table has it.
fn sort_key(n: RowNumber) -> AttributeValue {
    text(format!("{:020}", n.get()))
}

impl DynamoLedger {
    /// The ledger of a table that has the keys `chain` and `n`, both texts.
    ///
    /// The client makes one try per call: see [`CallLimits`](super::CallLimits).
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// What a fault is about.
    fn about(&self, chain: &str, n: Option<RowNumber>) -> String {
        match n {
            Some(n) => format!("table {}, row {n} of {chain}", self.table),
            None => format!("table {}, {chain}", self.table),
        }
    }

    /// The attribute of an item.
    fn attribute(&self, call: &'static str, item: &mut Item, name: &'static str) -> Result<String, PortError> {
        match item.entry(name.to_owned()) {
            hash_map::Entry::Occupied(entry) => match entry.remove() {
                AttributeValue::S(value) => Ok(value),
                _ => Err(self.malformed(call, name, "it is no text")),
            },
            hash_map::Entry::Vacant(_) => Err(self.malformed(call, name, "it is missing")),
        }
    }

    /// The attribute of an item, read as what it stands for.
    fn parsed<T: std::str::FromStr>(
        &self,
        call: &'static str,
        item: &mut Item,
        name: &'static str,
    ) -> Result<T, PortError> {
        self.attribute(call, item, name)?.parse().map_err(|_| self.malformed(call, name, "it has another form"))
    }

    fn malformed(&self, call: &'static str, name: &str, problem: &str) -> PortError {
        let detail = format!("table {}: an item is not the ledger's: attribute {name}: {problem}", self.table);
        PortError::NotApplied(Fault::lasting(call, detail))
    }

    fn row(&self, call: &'static str, mut item: Item) -> Result<StoredRow, PortError> {
        Ok(StoredRow {
            n: RowNumber::new(self.parsed(call, &mut item, "n")?),
            attempt: self.parsed(call, &mut item, "attempt")?,
            body: self.attribute(call, &mut item, "body")?,
        })
    }

    fn query(&self, partition: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .expression_attribute_names("#chain", "chain")
            .expression_attribute_values(":chain", text(partition))
    }

    /// Up to `limit` items of a partition whose sort keys are above `after`, ascending.
    async fn items_after(
        &self,
        partition: &str,
        after: Option<AttributeValue>,
        limit: usize,
    ) -> Result<Vec<Item>, PortError> {
        let condition = if after.is_some() { "#chain = :chain AND #n > :after" } else { "#chain = :chain" };
        let mut items = Vec::new();
        let mut page_start = None;
        while items.len() < limit {
            let mut query = self
                .query(partition)
                .key_condition_expression(condition)
                .limit(i32::try_from(limit - items.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(page_start);
            if let Some(after) = &after {
                query =
                    query.expression_attribute_names("#n", "n").expression_attribute_values(":after", after.clone());
            }
            let page = query
                .send()
                .await
                .map_err(|error| port_error(QUERY, &self.about(partition, None), Effect::Read, error))?;
            items.extend(page.items.unwrap_or_default());
            // A page may hold few items or none and still not be the last: only this says so.
            page_start = page.last_evaluated_key;
            if page_start.is_none() {
                break;
            }
        }
        Ok(items)
    }
}

impl Ledger for DynamoLedger {
    async fn get(&self, chain: &ChainId, n: RowNumber) -> Result<Option<StoredRow>, PortError> {
        let chain = chain.to_string();
        let reply = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("chain", text(&chain))
            .key("n", sort_key(n))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| port_error(GET, &self.about(&chain, Some(n)), Effect::Read, error))?;
        reply.item.map(|item| self.row(GET, item)).transpose()
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        let text_of_chain = chain.to_string();
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("chain", text(&text_of_chain))
            .item("n", sort_key(row.n))
            .item("attempt", text(row.attempt.to_string()))
            .item("body", text(&row.body))
            .condition_expression("attribute_not_exists(#chain)")
            .expression_attribute_names("#chain", "chain")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match answer {
            Ok(_) => return Ok(PutRow::Applied),
            Err(error) => error,
        };
        let taken = match error {
            SdkError::ServiceError(answer) if answer.err().is_conditional_check_failed_exception() => {
                match answer.into_err() {
                    PutItemError::ConditionalCheckFailedException(taken) => taken.item,
                    _ => None,
                }
            }
            error => return Err(port_error(PUT, &self.about(&text_of_chain, Some(row.n)), Effect::Write, error)),
        };
        if let Some(item) = taken {
            return self.row(PUT, item).map(PutRow::Occupied);
        }
        // A store that does not return the row: rows are never deleted, so it is there to be read.
        self.get(chain, row.n).await?.map(PutRow::Occupied).ok_or_else(|| {
            let detail = format!("{}: the number is taken and yet free", self.about(&text_of_chain, Some(row.n)));
            PortError::NotApplied(Fault::passing(PUT, detail))
        })
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        let chain = chain.to_string();
        let page = self
            .query(&chain)
            .key_condition_expression("#chain = :chain")
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await
            .map_err(|error| port_error(QUERY, &self.about(&chain, None), Effect::Read, error))?;
        page.items.unwrap_or_default().pop().map(|item| self.row(QUERY, item)).transpose()
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        let items = self.items_after(&chain.to_string(), after.map(sort_key), limit).await?;
        items.into_iter().map(|item| self.row(QUERY, item)).collect()
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        let chain = chain.to_string();
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("chain", text(&chain))
            .key("n", sort_key(stub.n))
            .update_expression("SET #body = :body")
            // A row that is not there has no attempt, so the update creates none.
            .condition_expression("#attempt = :attempt")
            .expression_attribute_names("#body", "body")
            .expression_attribute_names("#attempt", "attempt")
            .expression_attribute_values(":body", text(&stub.body))
            .expression_attribute_values(":attempt", text(stub.attempt.to_string()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(Shrunk::Done),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(Shrunk::NoSuchRow)
            }
            Err(error) => Err(port_error(UPDATE, &self.about(&chain, Some(stub.n)), Effect::Write, error)),
        }
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        let chain = chain.to_string();
        // Without a condition: the item is its key and nothing else, so putting it again changes nothing.
        let put = self.client.put_item().table_name(&self.table).item("chain", text(REGISTRY)).item("n", text(&chain));
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(port_error(PUT, &self.about(&format!("registering {chain}"), None), Effect::Write, error))
            }
        }
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        let items = self.items_after(REGISTRY, after.map(|after| text(after.to_string())), limit).await?;
        items.into_iter().map(|mut item| self.parsed(QUERY, &mut item, "n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn row_numbers_sort_as_texts_as_they_do_as_numbers() {
        let numbers = [0, 1, 9, 10, 99, 1_000_000_000_000, u64::MAX - 1, u64::MAX].map(RowNumber::new);
        assert!(numbers.map(sort_key).map(|key| key.as_s().unwrap().clone()).is_sorted());
    }
}
