//! The command line, read once.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Failure;
use crate::table::Layout;

const USAGE: &str = "usage: bench-transform [--rounds N] [--python INTERPRETER]
       bench-transform --profile N [same|own]   our transform alone, N times, for a profiler
       bench-transform --peak INVOCATION        our transform alone, once, and the memory that it took";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// What to do.
    pub task: Task,
    /// How many rounds of each layout are measured.
    pub rounds: usize,
    /// Python, with pyarrow.
    pub python: PathBuf,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Task {
    /// To compare the sides.
    Bench,
    /// To transform the invocation in a file and say how much memory that took.
    Peak(PathBuf),
    /// To run our transform alone.
    Profile {
        /// How many times.
        times: usize,
        /// In which layout.
        layout: Layout,
    },
}

/// Reads the arguments.
///
/// # Errors
/// Where they are not as the usage says.
pub fn read(arguments: impl Iterator<Item = OsString>) -> Result<Options, Failure> {
    let mut arguments = arguments.peekable();
    let mut options = Options { task: Task::Bench, rounds: 32, python: ".venv-readers/bin/python".into() };
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--rounds") => options.rounds = number(arguments.next())?.max(1),
            Some("--python") => options.python = arguments.next().ok_or(USAGE)?.into(),
            Some("--peak") => options.task = Task::Peak(arguments.next().ok_or(USAGE)?.into()),
            Some("--profile") => {
                let times = number(arguments.next())?;
                let named = |layout: &Layout| arguments.peek().is_some_and(|name| name == layout.name());
                let layout = Layout::ALL.into_iter().find(named);
                if layout.is_some() {
                    arguments.next();
                }
                options.task = Task::Profile { times, layout: layout.unwrap_or(Layout::Own) };
            }
            _ => return Err(USAGE.into()),
        }
    }
    Ok(options)
}

fn number(argument: Option<OsString>) -> Result<usize, Failure> {
    argument.and_then(|text| text.to_str()?.parse().ok()).ok_or_else(|| USAGE.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(arguments: &[&str]) -> Result<Options, String> {
        read(arguments.iter().map(OsString::from)).map_err(|error| error.to_string())
    }

    #[test]
    fn without_arguments_the_sides_are_compared() {
        assert_eq!(options(&[]).unwrap().task, Task::Bench);
        assert_eq!(options(&["--rounds", "3"]).unwrap().rounds, 3);
    }

    #[test]
    fn a_profile_is_of_our_own_layout_unless_another_is_named() {
        let profile = |layout| Task::Profile { times: 5, layout };
        assert_eq!(options(&["--profile", "5"]).unwrap().task, profile(Layout::Own));
        assert_eq!(options(&["--profile", "5", "same"]).unwrap().task, profile(Layout::Same));
    }

    #[test]
    fn what_is_not_understood_is_answered_with_the_usage() {
        for wrong in [&["--rounds"][..], &["--rounds", "x"], &["--peak"], &["--profile", "5", "other"], &["help"]] {
            assert_eq!(options(wrong), Err(USAGE.to_owned()));
        }
    }
}
