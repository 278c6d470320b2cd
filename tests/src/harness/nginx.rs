use std::time::Duration;

use super::{Api, Directory, Launch, Process, free_port, system, until};

/// An nginx of this test process, with one server.
#[derive(Debug)]
pub struct Nginx {
    port: u16,
    _process: Process,
    // Last: removed after nginx has ended.
    _directory: Directory,
}

const PATIENCE: Duration = Duration::from_secs(20);

impl Nginx {
    /// Starts it with the directives of its server.
    pub fn start(directives: &str) -> Self {
        let (directory, port) = (Directory::new(), free_port());
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let temporary = folders.map(|name| format!("{name}_temp_path {name};\n")).concat();
        let settings = directory.write(
            "nginx.conf",
            &format!(
                "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
                 access_log off;\n{temporary}server {{\nlisten 127.0.0.1:{port};\n{directives}\n}}\n}}\n"
            ),
        );
        let folders = ["/usr/sbin".into(), "/usr/local/sbin".into()];
        let folder = system::folder_with("nginx", &folders).expect("nginx is installed");
        let prefix = format!("{}/", directory.path().display());
        let settings = settings.display().to_string();
        let launch = Launch {
            program: folder.join("nginx"),
            arguments: ["-p", &prefix, "-e", "stderr", "-c", &settings].map(str::to_owned).to_vec(),
            variables: Vec::new(),
            folder: directory.path().to_owned(),
            name: "nginx".into(),
            user: None,
            end: "KILL",
        };
        let process = Process::start(&launch);
        until("nginx listens", PATIENCE, || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        Self { port, _process: process, _directory: directory }
    }

    /// Its server.
    pub fn api(&self) -> Api {
        Api::new(format!("http://127.0.0.1:{}", self.port))
    }
}
