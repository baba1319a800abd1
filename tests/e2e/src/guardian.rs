//! A process that ends our children when we end, however we do.
//!
//! All children are of one process group, that of a small shell which reads from a pipe of ours. It passes signals on to
//! them as it is told, and when the pipe closes, it kills the group, stopped processes included, and itself with it.

use std::fmt;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// What the shell does.
const SCRIPT: &str = r#"while read -r signal process; do kill -s "$signal" "$process"; done; kill -s KILL 0"#;

/// A signal to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Ends it without a warning.
    Kill,
    /// Stops it where it is.
    Stop,
    /// Lets it go on.
    Continue,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        })
    }
}

/// The shell, from our side.
#[derive(Debug)]
pub struct Guardian {
    shell: Child,
    orders: Mutex<Option<ChildStdin>>,
}

impl Guardian {
    /// Starts one.
    ///
    /// # Errors
    /// Where there is no shell.
    pub fn start() -> io::Result<Self> {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let orders = Mutex::new(shell.stdin.take());
        Ok(Self { shell, orders })
    }

    /// The process group that children are to be of.
    #[must_use]
    pub fn group(&self) -> i32 {
        i32::try_from(self.shell.id()).unwrap_or(0)
    }

    /// Sends a signal to a child. One that has ended does not get it.
    ///
    /// # Errors
    /// Where the shell is gone.
    pub fn send(&self, signal: Signal, process: u32) -> io::Result<()> {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = orders.as_mut().ok_or_else(|| io::Error::other("the guardian has ended"))?;
        writeln!(pipe, "{signal} {process}")
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.orders.lock().unwrap_or_else(PoisonError::into_inner).take());
        let _ = self.shell.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn children_end_with_the_guardian_also_where_they_are_stopped() {
        let guardian = Guardian::start().unwrap();
        let child = || Command::new("sleep").arg("600").process_group(guardian.group()).spawn().unwrap();
        let (mut running, mut stopped) = (child(), child());
        guardian.send(Signal::Stop, stopped.id()).unwrap();
        drop(guardian);
        assert_eq!(running.wait().unwrap().signal(), Some(9));
        assert_eq!(stopped.wait().unwrap().signal(), Some(9));
    }

    #[test]
    fn a_child_is_killed_by_itself() {
        let guardian = Guardian::start().unwrap();
        let child = || Command::new("sleep").arg("600").process_group(guardian.group()).spawn().unwrap();
        let (mut one, mut other) = (child(), child());
        guardian.send(Signal::Kill, one.id()).unwrap();
        assert_eq!(one.wait().unwrap().signal(), Some(9));
        assert_eq!(other.try_wait().unwrap(), None);
        drop(guardian);
        assert_eq!(other.wait().unwrap().signal(), Some(9));
    }
}
