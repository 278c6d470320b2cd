use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Directory, free_port};

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base 64 for addresses, without padding.
fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let word =
            part.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for digit in 0..=part.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * digit) & 63) as usize]));
        }
    }
    text
}

/// Who signs tokens with RS256, by keys that openssl makes. It can be away, and its keys can be changed.
#[derive(Debug)]
pub struct TokenIssuer {
    port: u16,
    folder: Directory,
    keys: Arc<Mutex<Vec<Value>>>,
    serving: Mutex<Option<JoinHandle<()>>>,
}

impl TokenIssuer {
    /// Nothing listens yet, and there is no key.
    #[expect(clippy::new_without_default, reason = "it takes a port")]
    pub fn new() -> Self {
        let (port, folder) = (free_port(), Directory::new());
        Self { port, folder, keys: Arc::default(), serving: Mutex::default() }
    }

    /// Its name, and where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a key. It is published with the others.
    pub fn add_key(&self, id: &str) {
        let file = format!("{id}.pem");
        self.openssl(&["genrsa", "-out", &file, "2048"], "");
        let modulus = self.openssl(&["rsa", "-noout", "-modulus", "-in", &file], "");
        let modulus = String::from_utf8(modulus).expect("it is text");
        let digits = modulus.trim().split_once('=').expect("it is named").1.to_owned();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        let modulus: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect();
        let key = json!({"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256", "e": "AQAB", "n": encoded(&modulus)});
        self.keys.lock().expect("nobody panics").push(key);
    }

    /// Withdraws a key.
    pub fn remove_key(&self, id: &str) {
        self.keys.lock().expect("nobody panics").retain(|key| key["kid"] != id);
    }

    /// Signs claims.
    pub fn token(&self, id: &str, claims: &Value) -> String {
        let header = json!({"alg": "RS256", "kid": id, "typ": "JWT"});
        let text =
            format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(claims.to_string().as_bytes()));
        let signature = self.openssl(&["dgst", "-sha256", "-sign", &format!("{id}.pem")], &text);
        let signature = encoded(&signature);
        super::keep_secret(&signature);
        format!("{text}.{signature}")
    }

    /// Begins to answer.
    pub async fn start(&self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.expect("its port is free");
        let (keys, url) = (Arc::clone(&self.keys), self.url());
        let serving = tokio::spawn(async move {
            loop {
                let Ok((mut stream, _)) = listener.accept().await else { continue };
                let mut head = [0; 2048];
                let Ok(read) = stream.read(&mut head).await else { continue };
                let body = if head[..read].starts_with(b"GET /.well-known/openid-configuration ") {
                    json!({"issuer": url, "jwks_uri": format!("{url}/keys")})
                } else {
                    json!({"keys": *keys.lock().expect("nobody panics")})
                };
                let body = body.to_string();
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        *self.serving.lock().expect("nobody panics") = Some(serving);
    }

    /// Is away.
    pub async fn stop(&self) {
        let serving = self.serving.lock().expect("nobody panics").take();
        if let Some(serving) = serving {
            serving.abort();
            let _ = serving.await;
        }
    }

    fn openssl(&self, arguments: &[&str], input: &str) -> Vec<u8> {
        run_with(self.folder.path(), arguments, input)
    }
}

fn run_with(folder: &Path, arguments: &[&str], input: &str) -> Vec<u8> {
    let file = folder.join("input");
    std::fs::write(&file, input).expect("the folder can be written");
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(folder).stderr(Stdio::null());
    command.stdin(std::fs::File::open(&file).expect("it was written"));
    let output = command.output().expect("openssl is installed");
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}
