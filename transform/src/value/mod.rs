//! What a contract may do with values: the checks that its reader asks for.

use crate::contract::{ColumnType, Literal, Step};

/// A step that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepProblem {
    /// Which step, from 0.
    pub step: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// Whether the steps lead to a value of the type.
///
/// # Errors
/// Where a step does not fit what comes before it, or the type.
pub fn check_steps(_kind: &ColumnType, _steps: &[Step]) -> Result<(), StepProblem> {
    Ok(())
}

/// Whether the literal is a value of the type.
///
/// # Errors
/// Where it is none.
pub fn check_literal(_kind: &ColumnType, _literal: &Literal) -> Result<(), String> {
    Ok(())
}
