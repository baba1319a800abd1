//! A wire between a client and a store that can be cut where it hurts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What gets lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Nothing.
    Nothing,
    /// The request: the store never hears of it.
    Request,
    /// The reply: the store has done it, and nobody is told.
    Reply,
}

/// A listener that passes bytes on, both ways, and cuts the connection at a loss.
#[derive(Debug)]
pub struct Wire {
    /// Where clients connect.
    pub address: SocketAddr,
    loss: Arc<Mutex<Loss>>,
}

impl Wire {
    /// A wire to a store. It lasts as long as the runtime.
    pub async fn to(store: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound port");
        let loss = Arc::new(Mutex::new(Loss::Nothing));
        let shared = Arc::clone(&loss);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                tokio::spawn(async move { carry(client, store, &shared).await });
            }
        });
        Self { address, loss }
    }

    /// From now on, this gets lost. It holds for connections that stand already.
    pub fn lose(&self, loss: Loss) {
        *self.loss.lock().unwrap_or_else(PoisonError::into_inner) = loss;
    }
}

/// Carries bytes until either side closes or something is to be lost; then both sides are cut off.
async fn carry(client: TcpStream, store: SocketAddr, loss: &Mutex<Loss>) -> Option<()> {
    let loses = |what| *loss.lock().unwrap_or_else(PoisonError::into_inner) == what;
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_store, mut to_store) = TcpStream::connect(store).await.ok()?.into_split();
    let requests = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = from_client.read(&mut buffer).await.ok().filter(|&count| count > 0)?;
            if loses(Loss::Request) {
                return None;
            }
            to_store.write_all(&buffer[..count]).await.ok()?;
        }
    };
    let replies = async {
        let mut buffer = vec![0; 1 << 16];
        loop {
            // The store answers when it is done, so the first byte of a reply says that it is.
            let count = from_store.read(&mut buffer).await.ok().filter(|&count| count > 0)?;
            if loses(Loss::Reply) {
                return None;
            }
            to_client.write_all(&buffer[..count]).await.ok()?;
        }
    };
    tokio::select! {
        done = requests => done,
        done = replies => done,
    }
}
