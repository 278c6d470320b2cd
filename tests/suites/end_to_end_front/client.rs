use std::io;
use std::time::Duration;

use keeper_tests::harness::Unit;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Standalone, ready, with settings of its own.
pub(crate) async fn standalone(settings: &[(&str, &str)]) -> Unit {
    started(Unit::new("standalone", []), settings).await
}

/// The same, asking for API keys, of which there are none.
pub(crate) async fn guarded(settings: &[(&str, &str)]) -> Unit {
    let unit = Unit::new("standalone", [])
        .with("KEEPER_AUTH__MODE", "required")
        .with("KEEPER_AUTH__KEYS_FILE", "keys.toml");
    std::fs::write(unit.folder().join("keys.toml"), "keys = []\n").expect("it is written");
    started(unit, settings).await
}

async fn started(unit: Unit, settings: &[(&str, &str)]) -> Unit {
    let unit = settings.iter().fold(unit, |unit, (key, value)| unit.with(key, value));
    unit.start();
    unit.ready().await;
    unit
}

/// A plain connection.
pub(crate) struct Raw(pub(crate) TcpStream);

impl Raw {
    pub(crate) async fn to(unit: &Unit) -> Self {
        let url = unit.url();
        let address = url.strip_prefix("http://").expect("it is an HTTP address");
        Self(TcpStream::connect(address).await.expect("it listens"))
    }

    /// One that can take a few hundred bytes at a time.
    pub(crate) async fn with_small_window(unit: &Unit) -> Self {
        let address = unit.url().strip_prefix("http://").expect("it is HTTP").parse().expect("an address");
        let socket = TcpSocket::new_v4().expect("there are sockets");
        socket.set_recv_buffer_size(1024).expect("it can be small");
        Self(socket.connect(address).await.expect("it listens"))
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("it takes this");
    }

    /// One answer, by its length.
    pub(crate) async fn answer(&mut self) -> Told {
        let mut text = Vec::new();
        let read = async {
            loop {
                if let Some(told) = Told::of(&text) {
                    return told;
                }
                let read = self.0.read_buf(&mut text).await.expect("it answers");
                assert_ne!(read, 0, "it ended: {}", String::from_utf8_lossy(&text));
            }
        };
        timeout(PATIENCE, read).await.expect("it answers in time")
    }

    /// The head of an answer.
    pub(crate) async fn head(&mut self) -> String {
        let mut text = Vec::new();
        let read = async {
            while !text.windows(4).any(|end| end == b"\r\n\r\n") {
                assert_ne!(self.0.read_buf(&mut text).await.expect("it answers"), 0, "it ended");
            }
        };
        timeout(PATIENCE, read).await.expect("it answers in time");
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Whether the other side ends the connection within this time.
    pub(crate) async fn ends_within(&mut self, time: Duration) -> bool {
        let mut rest = vec![0; 65_536];
        let end = async {
            loop {
                match self.0.read(&mut rest).await {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return,
                    Err(error) => panic!("{error}"),
                }
            }
        };
        timeout(time, end).await.is_ok()
    }
}

/// An answer as it came.
pub(crate) struct Told {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Told {
    fn of(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let (head, body) = text.split_once("\r\n\r\n")?;
        let head = head.to_ascii_lowercase();
        let status = head.get(9..12)?.parse().ok()?;
        if status == 100 {
            return Some(Self { status, head, body: body.to_owned() });
        }
        let length: usize = head.split("content-length: ").nth(1)?.lines().next()?.parse().ok()?;
        (body.len() >= length).then(|| Self { status, head: head.clone(), body: body[..length].to_owned() })
    }

    /// It is an error in the shape of all others, with this code.
    pub(crate) fn is_error(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}\n{}", self.head, self.body);
        let body: Value = serde_json::from_str(&self.body).expect("it is JSON");
        assert_eq!(body["code"], code, "{body}");
        assert!(body["message"].is_string() && body["request_id"].is_string(), "{body}");
        let id = body["request_id"].as_str().expect("it is text");
        assert!(self.head.contains(&format!("x-request-id: {id}")), "{}", self.head);
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        for header in [
            "content-security-policy: default-src 'none'; frame-ancestors 'none'",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "x-frame-options: deny",
        ] {
            assert_eq!(self.head.matches(header).count(), 1, "{header}: {}", self.head);
        }
    }
}

/// A request without a body, that keeps the connection.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: front\r\n\r\n")
}

/// The value of a metric without labels.
pub(crate) async fn metric(unit: &Unit, line: &str) -> Option<f64> {
    let metrics = unit.management().get("/metrics").await.body;
    let value = metrics.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(' '))?;
    value.parse().ok()
}
