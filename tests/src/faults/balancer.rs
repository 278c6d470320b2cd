use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Spreads connections over ports of the loopback in turn, as a Service of Kubernetes does: it knows nothing of requests, nor of
/// whether anybody answers behind a port.
#[derive(Debug)]
pub struct Balancer {
    port: u16,
}

impl Balancer {
    /// Opens a way to these ports.
    pub async fn over(targets: Vec<u16>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let next = AtomicUsize::new(0);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let target = targets[next.fetch_add(1, Ordering::Relaxed) % targets.len()];
                tokio::spawn(async move {
                    if let Ok(mut server) = TcpStream::connect(("127.0.0.1", target)).await {
                        // Either end may go at any time.
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { port }
    }

    /// Where to connect.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}
