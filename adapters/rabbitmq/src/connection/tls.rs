use std::sync::Arc;

use keeper_settings::{WrongSetting, read_file};
use lapin::tcp::{RustlsConnector, RustlsConnectorConfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

const KEY: &str = "broker.tls_ca";

/// Makes what checks the broker's certificate: against the authorities in the PEM file `tls_ca` and no others, or, where it
/// is empty, against the public ones.
pub(crate) fn connector(tls_ca: &str) -> Result<RustlsConnector, WrongSetting> {
    let config = if tls_ca.is_empty() {
        RustlsConnectorConfig::new_with_webpki_root_certs()
    } else {
        RustlsConnectorConfig::default().with_parsable_certificates(certificates(tls_ca)?)
    };
    config.connector_with_no_client_auth().map_err(|error| unusable(tls_ca, &error))
}

/// The same for what is spoken to the broker without the library.
pub(crate) fn client_config(tls_ca: &str) -> Result<Arc<ClientConfig>, WrongSetting> {
    let mut authorities = RootCertStore { roots: Vec::new() };
    if tls_ca.is_empty() {
        authorities.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    } else {
        authorities.add_parsable_certificates(certificates(tls_ca)?);
    }
    // The provider is named, so that none is wanted for the process.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(tls_ca, &error))?;
    Ok(Arc::new(config.with_root_certificates(authorities).with_no_client_auth()))
}

fn certificates(tls_ca: &str) -> Result<Vec<CertificateDer<'static>>, WrongSetting> {
    let pem = read_file(KEY, tls_ca)?;
    let certificates = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>();
    certificates.map_err(|error| unusable(tls_ca, &error))
}

fn unusable(tls_ca: &str, cause: &dyn std::fmt::Display) -> WrongSetting {
    WrongSetting::new(KEY, format!("names the file {tls_ca}, which holds no usable PEM certificate: {cause}"))
}
