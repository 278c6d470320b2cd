use std::io;

use keeper_settings::WrongSetting;
use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::settings::BrokerSettings;

/// Makes what checks the broker's certificate: against the authorities that the settings name and no others, or
/// against the public ones.
pub(crate) fn connector(settings: &BrokerSettings) -> Result<RustlsConnector, WrongSetting> {
    let wrong = |cause: io::Error| {
        let path = &settings.tls_ca;
        let why = format!("names the file {path}, which holds no usable PEM certificate: {cause}");
        WrongSetting::new("broker.tls_ca", why)
    };
    let config = match settings.authorities()? {
        None => RustlsConnectorConfig::new_with_webpki_root_certs(),
        Some(pem) => {
            let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| wrong(io::Error::other(error)))?;
            RustlsConnectorConfig::default().with_parsable_certificates(certificates)
        }
    };
    config.connector_with_no_client_auth().map_err(wrong)
}
