use std::path::{Path, PathBuf};
use std::process::Command;

use super::system::run;

/// A certificate authority and a server certificate for `localhost` alone, made for this run: by its address the server
/// has a name that its certificate does not have.
#[derive(Debug, Clone)]
pub struct Certificates {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
}

impl Certificates {
    /// Makes them in a folder, with openssl.
    pub fn make(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name);
        let openssl = |arguments: &[&str]| run(Command::new("openssl").args(arguments).current_dir(folder));
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        openssl(
            &[
                &["req", "-x509", "-days", "2", "-subj", "/CN=keeper test authority"],
                &curve[..],
                &["-keyout", "ca.key", "-out", "ca.crt"],
            ]
            .concat(),
        );
        openssl(
            &[
                &["req", "-subj", "/CN=localhost"],
                &curve[..],
                &["-keyout", "server.key", "-out", "server.csr"],
            ]
            .concat(),
        );
        let names = "subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n";
        std::fs::write(file("server.ext"), names).expect("the folder can be written");
        openssl(&[
            "x509",
            "-req",
            "-days",
            "2",
            "-in",
            "server.csr",
            "-CA",
            "ca.crt",
            "-CAkey",
            "ca.key",
            "-CAcreateserial",
            "-extfile",
            "server.ext",
            "-out",
            "server.crt",
        ]);
        Self { ca: file("ca.crt"), certificate: file("server.crt"), key: file("server.key") }
    }
}
