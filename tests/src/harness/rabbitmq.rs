mod control;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::{Directory, Launch, Process, free_port, random_text, system, until};
use control::Control;

/// A RabbitMQ node of this test process, with an epmd of its own.
#[derive(Debug)]
pub struct RabbitMq {
    launch: Launch,
    control: Control,
    port: u16,
    password: String,
    /// Virtual hosts that nobody has yet; nothing before the first is asked for.
    vhosts: Mutex<Option<Vec<String>>>,
    /// The port of the management API, once it is switched on.
    management: OnceLock<u16>,
    process: Mutex<Option<Process>>,
    // Ended after the node, removed after both.
    _epmd: Process,
    directory: Directory,
}

/// A virtual host of its own for one test.
#[derive(Debug, Clone)]
pub struct Vhost {
    /// 127.0.0.1.
    pub host: String,
    /// The node's port.
    pub port: u16,
    /// The virtual host's name.
    pub name: String,
    /// A user that may do anything in it.
    pub user: String,
    /// Its password.
    pub password: String,
}

const USER: &str = "keeper";
const PATIENCE: Duration = Duration::from_secs(90);

impl RabbitMq {
    /// The usual node of this test process, started at the first call.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<RabbitMq> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Makes a node and starts it. `CODE_KEEPER_RABBITMQ` names the folder of another version's programs
    /// (`rabbitmq-server`, `rabbitmqctl`, and `epmd` where it brings its own).
    pub fn start() -> Self {
        let programs = programs();
        let (directory, port, password) = (Directory::new(), free_port(), random_text(16));
        super::keep_secret(&password);
        let cookie = directory.write(".erlang.cookie", &random_text(20));
        std::fs::set_permissions(cookie, std::fs::Permissions::from_mode(0o400)).expect("it is ours");
        directory.write("enabled_plugins", "[].\n");
        let configuration = format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\ndefault_user = {USER}\ndefault_pass = {password}\n\
             log.file = false\nlog.console = true\nlog.console.level = info\n"
        );
        directory.write("rabbitmq.conf", &configuration);
        let epmd_port = free_port();
        let launch = Launch {
            program: programs.join("rabbitmq-server"),
            arguments: Vec::new(),
            variables: variables(&directory, epmd_port),
            folder: directory.path().to_owned(),
            name: "rabbitmq".into(),
            user: None,
            end: "KILL",
        };
        let of_epmd = system::folder_with("epmd", std::slice::from_ref(&programs))
            .or_else(|| system::newest_first(Path::new("/usr/lib/erlang"), "bin").into_iter().next())
            .expect("Erlang is installed")
            .join("epmd");
        let control = Control::new(
            programs.join("rabbitmqctl"),
            of_epmd.clone(),
            launch.variables.clone(),
            launch.folder.clone(),
        );
        let epmd = Process::start(&Launch {
            program: of_epmd,
            arguments: ["-port", &epmd_port.to_string(), "-address", "127.0.0.1"].map(str::to_owned).into(),
            name: "epmd".into(),
            ..launch.clone()
        });
        let node = Self {
            launch,
            control,
            port,
            password,
            vhosts: Mutex::default(),
            management: OnceLock::new(),
            process: Mutex::new(None),
            _epmd: epmd,
            directory,
        };
        node.start_again();
        node
    }

    /// An empty virtual host with a name of its own.
    pub fn vhost(&self) -> Vhost {
        let mut spare = self.vhosts.lock().unwrap_or_else(PoisonError::into_inner);
        // Who asks a second time asks often, and without `erl_call` each call starts an Erlang machine.
        let made = if spare.is_none() { 1 } else { 8 };
        let spare = spare.get_or_insert_default();
        if spare.is_empty() {
            *spare = self.make_vhosts(made);
        }
        Vhost {
            host: "127.0.0.1".into(),
            port: self.port,
            name: spare.pop().expect("some were made"),
            user: USER.into(),
            password: self.password.clone(),
        }
    }

    fn make_vhosts(&self, count: usize) -> Vec<String> {
        let names: Vec<_> = (0..count).map(|_| format!("test-{}", random_text(12))).collect();
        let make = names.iter().map(|name| {
            format!(
                "rabbit_vhost:add(<<\"{name}\">>, <<\"test\">>), rabbit_auth_backend_internal:set_permissions(\
                 <<\"{USER}\">>, <<\"{name}\">>, <<\".*\">>, <<\".*\">>, <<\".*\">>, <<\"test\">>)"
            )
        });
        self.control.eval(&make.collect::<Vec<_>>().join(", "));
        names
    }

    /// Runs `rabbitmqctl --quiet` and answers what it prints.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        self.control.ctl(arguments)
    }

    /// The address of its management API, which is switched on by the first call. It tells of changes within half a second.
    pub fn management(&self) -> String {
        let port = *self.management.get_or_init(|| {
            let port = free_port();
            let plugins = self.directory.write("enabled_plugins", "[rabbitmq_management].\n");
            self.control.eval(&format!(
                "application:load(rabbitmq_management), application:set_env(rabbitmq_management, tcp_config, \
                 [{{port, {port}}}, {{ip, \"127.0.0.1\"}}]), \
                 application:set_env(rabbit, collect_statistics_interval, 500), \
                 {{ok, _, _}} = rabbit_plugins:ensure(\"{}\")",
                plugins.display()
            ));
            port
        });
        format!("http://127.0.0.1:{port}")
    }

    /// Stops the broker; the Erlang machine goes on.
    pub fn stop_app(&self) {
        self.ctl(&["stop_app"]);
    }

    /// Starts the broker after [`Self::stop_app`].
    pub fn start_app(&self) {
        self.ctl(&["start_app"]);
    }

    /// Stops or starts the process behind the queue of orders, as the loss of most of its replicas would: `stop_server`,
    /// `restart_server`.
    pub fn queue_process(&self, vhost: &Vhost, call: &str) {
        let server = format!("{{list_to_atom(\"{}_billing_queue\"), node()}}", vhost.name);
        let said = self.control.eval(&format!("ra:{call}(quorum_queues, {server})"));
        assert_eq!(said, "ok");
    }

    /// Raises the disk alarm, by which the broker blocks every connection that publishes.
    pub fn raise_disk_alarm(&self) {
        self.set_disk_limit("1000000GB");
        self.wait_for_alarm(true);
    }

    /// Ends the disk alarm.
    pub fn clear_disk_alarm(&self) {
        self.set_disk_limit("1MB");
        self.wait_for_alarm(false);
    }

    /// How many messages are in a queue, delivered and unacknowledged ones too; `None` without the queue.
    pub fn depth(&self, vhost: &Vhost, queue: &str) -> Option<u64> {
        self.count(vhost, queue, "messages")
    }

    /// How many messages of a queue are delivered and not acknowledged; `None` without the queue.
    pub fn in_hand(&self, vhost: &Vhost, queue: &str) -> Option<u64> {
        self.count(vhost, queue, "messages_unacknowledged")
    }

    fn count(&self, vhost: &Vhost, queue: &str, which: &str) -> Option<u64> {
        let counted = self.control.eval(&format!(
            "case rabbit_amqqueue:lookup(rabbit_misc:r(<<\"{}\">>, queue, <<\"{queue}\">>)) of \
             {{ok, Queue}} -> proplists:get_value({which}, rabbit_amqqueue:info(Queue, [{which}])); \
             {{error, not_found}} -> none end",
            vhost.name
        ));
        counted.parse().ok()
    }

    /// Sets how long the broker waits for an acknowledgement on channels that are opened from now on: usually half an
    /// hour, seldom less than a minute. Before RabbitMQ 4.3 it looks once per `channel_tick_interval`.
    pub fn set_consumer_timeout(&self, timeout: Duration) {
        let timeout = timeout.as_millis();
        self.control.eval(&format!(
            "[ok = application:set_env(rabbit, Key, Value) || \
             {{Key, Value}} <- [{{channel_tick_interval, 500}}, {{consumer_timeout, {timeout}}}]]"
        ));
    }

    /// Writes the names of new quorum queues to disk. RabbitMQ 3.10 does so by itself within three seconds of a queue's
    /// creation (Ra's directory is a dets table), and makes an empty queue of one whose name it does not find.
    pub fn remember_queues(&self) {
        self.control.eval("[ok = dets:sync(Table) || Table <- dets:all()]");
    }

    /// `kill -9`.
    pub fn kill(&self) {
        self.process().take().expect("it was started").kill();
    }

    /// Starts the node again on the same port, and waits until it takes connections.
    pub fn start_again(&self) {
        *self.process() = Some(Process::start(&self.launch));
        until("RabbitMQ starts", PATIENCE, || {
            assert!(self.process().as_mut().is_some_and(Process::is_running), "{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
            std::net::TcpStream::connect(("127.0.0.1", self.port)).ok()
        });
        // A moment after a kill, the node's name may still be that of the process that is gone.
        until("RabbitMQ is up", PATIENCE, || self.control.is_up().then_some(()));
    }

    /// Sends a signal such as `STOP`.
    pub fn signal(&self, signal: &str) {
        self.process().as_ref().expect("it was started").signal_all(signal);
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process().as_ref().expect("it was started").id()
    }

    /// The node's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the node wrote to its log.
    pub fn log(&self) -> String {
        let read = |kind| std::fs::read_to_string(self.directory.join(kind)).unwrap_or_default();
        read("rabbitmq.out") + &read("rabbitmq.err")
    }

    fn set_disk_limit(&self, free: &str) {
        self.control.eval(&format!("ok = rabbit_disk_monitor:set_disk_free_limit(\"{free}\")"));
    }

    fn wait_for_alarm(&self, raised: bool) {
        until("the disk alarm changes", PATIENCE, || {
            let alarms = self.control.eval("rabbit_alarm:get_alarms()");
            (alarms.contains("disk") == raised).then_some(())
        });
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        drop(self.process().take());
    }
}

impl Vhost {
    /// The settings of a unit that uses this virtual host.
    pub fn settings(&self) -> Vec<(String, String)> {
        [
            ("HOST", self.host.clone()),
            ("PORT", self.port.to_string()),
            ("VHOST", self.name.clone()),
            ("USER", self.user.clone()),
            ("PASSWORD", self.password.clone()),
        ]
        .map(|(key, value)| (format!("KEEPER_BROKER__{key}"), value))
        .into()
    }

    /// Its address as a URL.
    pub fn url(&self) -> String {
        let Self { host, port, name, user, password } = self;
        format!("amqp://{user}:{password}@{host}:{port}/{name}")
    }
}

fn programs() -> PathBuf {
    if let Some(folder) = std::env::var_os("CODE_KEEPER_RABBITMQ") {
        return folder.into();
    }
    // Not what a distribution puts into PATH: those scripts change the user and use the system's node.
    let usual = [PathBuf::from("/usr/lib/rabbitmq/bin"), PathBuf::from("/opt/homebrew/opt/rabbitmq/sbin")];
    system::folder_with("rabbitmq-server", &usual)
        .expect("RabbitMQ is installed (Debian: apt-get install rabbitmq-server)")
}

fn variables(directory: &Directory, epmd_port: u16) -> Vec<(String, String)> {
    let path = |name: &str| directory.join(name).display().to_string();
    // Loopback only, for the node and for rabbitmqctl.
    let loopback = "-kernel inet_dist_use_interface {127,0,0,1}";
    // A quorum queue counts its messages at this interval, in ms: nobody has to wait for the usual five seconds.
    let server = format!("{loopback} -rabbit quorum_tick_interval 500");
    let ctl_port = free_port().to_string();
    [
        ("HOME", directory.path().display().to_string()),
        ("RABBITMQ_NODENAME", format!("keeper-{}@localhost", random_text(10))),
        ("RABBITMQ_DIST_PORT", free_port().to_string()),
        ("ERL_EPMD_PORT", epmd_port.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("RABBITMQ_MNESIA_BASE", path("data")),
        ("RABBITMQ_LOG_BASE", path("log")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", path("enabled_plugins")),
        ("RABBITMQ_CONFIG_FILE", path("rabbitmq.conf")),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".into()),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", server),
        ("RABBITMQ_CTL_ERL_ARGS", loopback.into()),
        ("RABBITMQ_CTL_DIST_PORT_MIN", ctl_port.clone()),
        ("RABBITMQ_CTL_DIST_PORT_MAX", ctl_port),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}
