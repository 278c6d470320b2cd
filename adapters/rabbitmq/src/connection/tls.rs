use std::io;

use keeper_settings::{WrongSetting, read_file};
use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// Makes what checks the broker's certificate: against the authorities in the PEM file `tls_ca` and no others, or, where it
/// is empty, against the public ones.
pub(crate) fn connector(tls_ca: &str) -> Result<RustlsConnector, WrongSetting> {
    let wrong = |cause: io::Error| {
        let why = format!("names the file {tls_ca}, which holds no usable PEM certificate: {cause}");
        WrongSetting::new("broker.tls_ca", why)
    };
    let config = if tls_ca.is_empty() {
        RustlsConnectorConfig::new_with_webpki_root_certs()
    } else {
        let pem = read_file("broker.tls_ca", tls_ca)?;
        let certificates = CertificateDer::pem_slice_iter(pem.as_bytes())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| wrong(io::Error::other(error)))?;
        RustlsConnectorConfig::default().with_parsable_certificates(certificates)
    };
    config.connector_with_no_client_auth().map_err(wrong)
}
