//! Many callers at once.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use iguazu_lake::ports::PortError;
use tokio::sync::Barrier;

/// How many callers race.
pub const RACERS: usize = 16;

/// How often they do. A store that is not atomic can be lucky once, not this often.
pub const ROUNDS: usize = 25;

/// How often a caller that is told *not applied, try again* does so.
const TRIES_MAX: usize = 200;

/// Lets all callers make their call at once, each in a task of its own, and gives their answers by number.
pub async fn at_once<T, F, Fut>(callers: usize, call: F) -> Vec<T>
where
    T: Send + 'static,
    F: Fn(usize) -> Fut,
    Fut: Future<Output = T> + Send + 'static,
{
    let line = Arc::new(Barrier::new(callers));
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (line, call) = (Arc::clone(&line), call(caller));
            tokio::spawn(async move {
                line.wait().await;
                call.await
            })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("a caller does not panic"));
    }
    answers
}

/// Makes a call again for as long as it is *not applied* and there is hope: an adapter may say so under contention,
/// and then nothing has happened. Any other error is a finding, since nothing fails in these tests.
pub async fn until_answered<T, F, Fut>(call: F) -> T
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<T, PortError>>,
{
    for _ in 0..TRIES_MAX {
        match call().await {
            Ok(answer) => return answer,
            Err(PortError::NotApplied(fault)) if fault.retryable => tokio::time::sleep(Duration::from_millis(2)).await,
            Err(error) => panic!("{error}: {:?}", error.fault().source),
        }
    }
    panic!("no answer in {TRIES_MAX} tries");
}
