use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use keeper_fetch::header::HeaderMap;
use keeper_fetch::{Answer, StatusCode};
use keeper_http_server::ManagementSettings;
use url::Url;

use crate::StartError;

/// The longest time for the answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks the unit that runs with the same settings whether it is ready: for a container that has no shell.
pub(crate) async fn check(management: ManagementSettings) -> Result<(), StartError> {
    let not_ready = |why: String| {
        let address = address_of(management);
        StartError::Part(format!("not ready at {address}: {why}"))
    };
    match ask(management).await {
        Ok(answer) if answer.status == StatusCode::OK => Ok(()),
        Ok(answer) => Err(not_ready(String::from_utf8_lossy(&answer.body).into_owned())),
        Err(why) => Err(not_ready(why)),
    }
}

/// Says whether a unit with the same settings answers, ready or not.
pub(crate) async fn is_running(management: ManagementSettings) -> bool {
    ask(management).await.is_ok()
}

async fn ask(management: ManagementSettings) -> Result<Answer, String> {
    let url = format!("http://{}/health/ready", address_of(management));
    let url = Url::parse(&url).map_err(|error| error.to_string())?;
    match tokio::time::timeout(PATIENCE, keeper_fetch::get(&url, HeaderMap::new(), None)).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("no answer".into()),
    }
}

fn address_of(management: ManagementSettings) -> SocketAddr {
    SocketAddr::new(reachable(management.address), management.port)
}

/// The address under which a process reaches a server that listens on all addresses.
fn reachable(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}
