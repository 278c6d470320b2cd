use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use keeper_http_server::ManagementSettings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::StartError;

/// The longest time for the answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks the unit that runs with the same settings whether it is ready: for a container that has no shell.
pub(crate) async fn check(management: ManagementSettings) -> Result<(), StartError> {
    let address = SocketAddr::new(reachable(management.address), management.port);
    let answer = tokio::time::timeout(PATIENCE, ask(address)).await;
    let failed = |why: String| Err(StartError::Part(format!("not ready at {address}: {why}")));
    match answer {
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200 ") => Ok(()),
        Ok(Ok(answer)) => failed(answer.lines().last().unwrap_or_default().to_owned()),
        Ok(Err(error)) => failed(error.to_string()),
        Err(_) => failed("no answer".into()),
    }
}

/// Says whether a unit with the same settings answers, ready or not.
pub(crate) async fn is_running(management: ManagementSettings) -> bool {
    let address = SocketAddr::new(reachable(management.address), management.port);
    let answer = tokio::time::timeout(PATIENCE, ask(address)).await;
    answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.starts_with("HTTP/1.1 ")))
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The address under which a process reaches a server that listens on all addresses.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}
