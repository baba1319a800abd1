//! What an invocation is to do.
//!
//! An event without a `task`, such as the one that EventBridge sends on a schedule, is a dispatch: it invokes the
//! function once more for each bucket of each table, and for what else is due. A schedule may name a task in its input.

use iguazu_lake::ids::TableName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case", deny_unknown_fields)]
pub enum Task {
    /// Invoke the function for each bucket, for the deliveries, and for the balance of each table.
    Dispatch,
    /// Invoke the function for the sweep of each table, and for rows to shrink.
    Housekeeping,
    /// Compact and publish a bucket.
    Compact {
        /// Of which table.
        table: TableName,
        /// Which one.
        bucket: u32,
    },
    /// Publish raw and quarantine.
    Deliveries,
    /// Check the balance of a table.
    Balance {
        /// Which one.
        table: TableName,
    },
    /// Delete what nobody reads.
    Sweep {
        /// Of which table.
        table: TableName,
    },
    /// Shrink rows that everybody has consumed.
    Shrink,
    /// Begin an epoch with another number of buckets.
    Rebucket {
        /// Of which table.
        table: TableName,
        /// How many buckets.
        buckets: u32,
    },
}

/// An event that is no task.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// It is another thing altogether.
    #[error("the event is no task: expected a JSON object, such as {{\"task\":\"dispatch\"}}")]
    NotAnObject,
    /// It has a task that is none.
    #[error(
        "the event's task is none: expected dispatch, housekeeping, deliveries, shrink, or with a table compact, balance, \
         sweep or rebucket"
    )]
    Unknown(#[source] serde_json::Error),
}

impl Task {
    /// The task of an event.
    ///
    /// # Errors
    /// Where it is none.
    pub fn of(event: Value) -> Result<Self, TaskError> {
        match &event {
            Value::Object(fields) if !fields.contains_key("task") => Ok(Self::Dispatch),
            Value::Object(_) => serde_json::from_value(event).map_err(TaskError::Unknown),
            _ => Err(TaskError::NotAnObject),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schedule_without_input_is_a_dispatch_and_tasks_read_back() {
        assert_eq!(Task::of(json!({ "source": "aws.scheduler", "detail": {} })).unwrap(), Task::Dispatch);
        let compact = json!({ "task": "compact", "table": "orders", "bucket": 3 });
        let task = Task::of(compact.clone()).unwrap();
        assert_eq!(task, Task::Compact { table: "orders".parse().unwrap(), bucket: 3 });
        assert_eq!(serde_json::to_value(&task).unwrap(), compact);
        assert_eq!(Task::of(json!({ "task": "housekeeping" })).unwrap(), Task::Housekeeping);
    }

    #[test]
    fn what_is_no_task_is_refused() {
        for event in [json!([]), json!({ "task": "compact" }), json!({ "task": "sweep", "table": "../x" })] {
            assert!(Task::of(event.clone()).is_err(), "{event}");
        }
    }
}
