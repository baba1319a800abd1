//! Tasks that last as long as the runtime.

use std::future::Future;

/// Begins one.
pub fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) {
    #[expect(clippy::disallowed_methods, reason = "servers and zombies are meant to outlive whoever began them")]
    tokio::spawn(future);
}
