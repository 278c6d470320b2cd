"""The scripts and definitions of the in-cluster servers, run against real ones: Debian's PostgreSQL and RabbitMQ on loopback.

They are older than those in the images; what is tried here is the same in both.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import runbooks
import yaml
from loopback import free_port, get

BIN = Path(os.environ["KEEPER_BIN_DIR"])
PATIENCE = 120


class Stack:
    """Both servers, made by the scripts of kustomize/ and filled with passwords of their own."""

    def __init__(self, tree):
        self.tree = tree
        self.settings = {}
        self.secrets = {name: f"{name}-0123456789abcdef" for name in ("database", "gateway", "billing", "cookie")}

    @contextmanager
    def running(self):
        with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
            self.folder = Path(folder)
            self.folder.chmod(0o755)
            (self.folder / "secrets").mkdir()
            for name, key in (("database-password", "database"), ("gateway-password", "gateway"), ("billing-password", "billing"), ("erlang-cookie", "cookie")):
                (self.folder / "secrets" / name).write_text(self.secrets[key])
            stack.enter_context(self.postgres())
            stack.enter_context(self.rabbitmq())
            yield self

    # PostgreSQL

    @contextmanager
    def postgres(self):
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
        self.data, self.sockets, self.pg_port = self.folder / "data", self.folder / "sockets", free_port()
        # It refuses to run as root.
        owner = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        for path in (self.data, self.sockets):
            path.mkdir(mode=0o700)
            if owner:
                shutil.chown(path, "postgres", "postgres")
        self.env = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGHOST": str(self.sockets),
            "PGPORT": str(self.pg_port),
            "APPLICATION_NAME": "billing",
            "LC_ALL": "C.UTF-8",
        }
        subprocess.run(
            ["initdb", "--username=postgres", "--data-checksums", "--auth-local=trust", "--auth-host=scram-sha-256", "-D", self.data],
            env=self.env, check=True, capture_output=True, cwd=self.folder, **owner,
        )
        settings = self.tree / "components/in-cluster-postgres/server/postgresql.conf"
        shutil.copy(settings, self.folder / "postgresql.conf")
        server = subprocess.Popen(
            ["postgres", "-D", self.data, "-p", str(self.pg_port), "-k", self.sockets, "-c", f"config_file={self.folder}/postgresql.conf", "-c", "listen_addresses=127.0.0.1"],
            env=self.env, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **owner,
        )
        try:
            until(lambda: subprocess.run(["pg_isready", "--quiet", "-U", "postgres"], env=self.env).returncode == 0)
            self.script("components/in-cluster-postgres/server/create-database.sh", self.env)
            yield
        finally:
            server.terminate()
            server.wait(PATIENCE)

    def script(self, path, env):
        """Runs a script of the tree with the folders of the containers replaced by ones of this test."""
        text = (self.tree / path).read_text() if (self.tree / path).is_file() else path
        text = text.replace("/etc/keeper/secrets", str(self.folder / "secrets")).replace("/backups", str(self.folder / "backups"))
        return subprocess.run(["bash", "-c", text], env=env, check=True, capture_output=True, text=True, cwd=self.folder).stdout

    def as_billing(self):
        return {**self.env, "PGHOST": "127.0.0.1", "PGDATABASE": "billing", "PGUSER": "billing", "KEEP": "2"}

    def sql(self, text):
        env = {**self.as_billing(), "PGPASSWORD": self.secrets["database"]}
        done = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text], env=env, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return done.stdout.strip()

    # RabbitMQ

    @contextmanager
    def rabbitmq(self):
        component = self.tree / "components/in-cluster-rabbitmq"
        home, run, settings = (self.folder / n for n in ("rabbitmq", "run", "settings"))
        for path in (home, run, settings):
            path.mkdir(mode=0o700)
        shutil.copy(component / "definitions.json", settings)
        # Of compose: that of Kubernetes asks for peers as only 4.1 can.
        text = (self.tree / "compose/rabbitmq.conf").read_text().replace("/run/rabbitmq", str(run))
        self.amqp_port, epmd = free_port(), str(free_port())
        text = re.sub(r"listeners.tcp.default = .*", f"listeners.tcp.1 = 127.0.0.1:{self.amqp_port}", text)
        (settings / "rabbitmq.conf").write_text(text)
        (settings / "enabled_plugins").write_text("[].\n")
        subprocess.run(
            ["bash", component / "prepare.sh"], check=True, capture_output=True,
            env={"PATH": os.environ["PATH"], "SECRETS": f"{self.folder}/secrets", "SETTINGS": str(settings), "RUN": str(run), "DATA": str(home)},
        )
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        self.rabbit_env = {
            "PATH": f"/usr/lib/rabbitmq/bin:{os.environ['PATH']}",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"kustomize-{os.getpid()}@localhost",
            "RABBITMQ_DIST_PORT": str(free_port()),
            "ERL_EPMD_PORT": epmd,
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": f"{home}/data",
            "RABBITMQ_LOG_BASE": f"{home}/log",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{settings}/enabled_plugins",
            "RABBITMQ_CONFIG_FILE": f"{settings}/rabbitmq.conf",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback,
            "RABBITMQ_CTL_ERL_ARGS": loopback,
        }
        log = open(self.folder / "rabbitmq.log", "w")
        daemon = subprocess.Popen(["epmd", "-port", epmd, "-address", "127.0.0.1"], env=self.rabbit_env, stdout=log, stderr=log)
        server = subprocess.Popen(["rabbitmq-server"], env=self.rabbit_env, stdout=log, stderr=log, cwd=home)
        try:
            until(lambda: self.ctl("await_startup", "--timeout", "30", check=False).returncode == 0 or server.poll() is not None)
            if server.poll() is not None:
                raise RuntimeError((self.folder / "rabbitmq.log").read_text()[-1500:])
            yield
        finally:
            server.terminate()
            server.wait(PATIENCE)
            daemon.terminate()
            daemon.wait(PATIENCE)

    def ctl(self, *arguments, check=True):
        return subprocess.run(["rabbitmqctl", "--quiet", *arguments], env=self.rabbit_env, capture_output=True, text=True, check=check)

    # The units

    @contextmanager
    def unit(self, name, settings):
        ports = {"KEEPER_HTTP__PORT": str(free_port()), "KEEPER_MANAGEMENT__PORT": str(free_port())}
        broker = {
            "KEEPER_BROKER__HOST": "127.0.0.1",
            "KEEPER_BROKER__PORT": str(self.amqp_port),
            "KEEPER_BROKER__USER": name,
            "KEEPER_BROKER__PASSWORD_FILE": f"{self.folder}/secrets/{name}-password",
        }
        log = open(self.folder / f"{name}.log", "w")
        self.settings[name] = {**ports, **broker, **settings}
        process = subprocess.Popen([BIN / name, "serve"], env=self.settings[name], cwd=self.folder, stdout=log, stderr=log)
        try:
            yield ports
        finally:
            process.terminate()
            process.wait(PATIENCE)


def until(condition, what="the server starts"):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"waited {PATIENCE} s, until {what}")
        time.sleep(0.2)


def missing():
    """What has to be installed before this can run."""
    for program, package in (("/usr/lib/postgresql/*/bin/postgres", "postgresql"), ("/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")):
        if not list(Path("/").glob(program.removeprefix("/"))):
            yield f"there is no {package}; please install it"


def database(stack):
    """The role owns its database and is no superuser; nobody else gets in; the dumps rotate, and restore as the README says."""
    if stack.sql("SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = 'billing'") != "f":
        yield "the role of billing may do more than own its database"
    if stack.sql("SELECT has_database_privilege('public', 'billing', 'CONNECT')") != "f":
        yield "anyone may connect to the database of billing"
    stack.sql("CREATE TABLE proof AS SELECT 7 AS n; CREATE EXTENSION pg_trgm")
    (stack.folder / "backups").mkdir()
    for _ in range(3):
        stack.script("components/in-cluster-postgres/server/backup.sh", stack.as_billing())
        time.sleep(1.1)
    dumps = sorted(p.name for p in (stack.folder / "backups").iterdir())
    if len(dumps) != 2 or not all(d.endswith(".dump") for d in dumps):
        yield f"kept {dumps} instead of two dumps"
    stack.sql("UPDATE proof SET n = 8")
    readme = (stack.tree / "README.md").read_text()
    restore = re.search(r'"(PGPASSWORD=\$\(cat.*?)"\]\'', readme).group(1)
    stack.script(restore, stack.as_billing())
    if stack.sql("SELECT n FROM proof") != "7":
        yield "the restore of the README restores nothing"


def users(stack):
    """Two users, no guest, with the permissions that the definitions say, and no more."""
    listed = stack.ctl("list_users", "--no-table-headers").stdout.split("\n")
    names = sorted(line.split("\t")[0] for line in listed if line)
    if names != ["billing", "gateway"]:
        yield f"the users of the broker are {names}"
    for user in ("gateway", "billing"):
        if stack.ctl("authenticate_user", user, stack.secrets[user], check=False).returncode:
            yield f"{user} cannot log in with its password"


def commands(stack):
    """What probes and hooks run is a command of the servers, and succeeds while they serve."""
    for component, env in (("in-cluster-postgres/server", stack.env), ("in-cluster-rabbitmq", stack.rabbit_env)):
        text = (stack.tree / "components" / component / "stateful-set.yaml").read_text()
        container = yaml.safe_load(text)["spec"]["template"]["spec"]["containers"][0]
        hooks = {**container.get("lifecycle", {}), **{k: v for k, v in container.items() if k.endswith("Probe")}}
        for name, hook in hooks.items():
            if "exec" not in hook:
                continue
            done = subprocess.run(hook["exec"]["command"], env=env, capture_output=True, text=True, timeout=PATIENCE)
            if done.returncode:
                yield f"{container['name']}: {name} ends with {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}"


def order(stack):
    """With exactly these users the real gateway and billing take an order from the API to the ledger."""
    database = {
        "KEEPER_DATABASE__HOST": "127.0.0.1",
        "KEEPER_DATABASE__PORT": str(stack.pg_port),
        "KEEPER_DATABASE__NAME": "billing",
        "KEEPER_DATABASE__USER": "billing",
        "KEEPER_DATABASE__PASSWORD_FILE": f"{stack.folder}/secrets/database-password",
        "KEEPER_DATABASE__TLS": "disable",
    }
    with stack.unit("billing", database) as billing:
        reads = {"KEEPER_BILLING__URL": f"http://127.0.0.1:{billing['KEEPER_HTTP__PORT']}", "KEEPER_INVENTORY__URL": "http://127.0.0.1:1", "KEEPER_LOG__FORMAT": "json"}
        with stack.unit("gateway", reads) as gateway:
            api = f"http://127.0.0.1:{gateway['KEEPER_HTTP__PORT']}"
            body = json.dumps({"user_id": "3", "number_of_items": "5", "total_amount": "180"}).encode()
            answer = json.loads(patiently(lambda: post(f"{api}/api/billing", body)))
            recorded = json.loads(patiently(lambda: get(f"{api}/api/billing/orders/{answer['order_id']}")))
            if recorded["status"] != "recorded":
                yield f"the order is {recorded}"
            for name, ports in (("gateway", gateway), ("billing", billing)):
                metrics = get(f"http://127.0.0.1:{ports['KEEPER_MANAGEMENT__PORT']}/metrics")
                if not re.search(r"^broker_connected(\{[^}]*\})? 1$", metrics, re.M):
                    yield f"{name} is not connected to the broker"
            yield from of_runbooks(stack)
            yield from asked_by_runbooks(stack, api, f"localhost:{gateway['KEEPER_MANAGEMENT__PORT']}")
    for unit in ("gateway", "billing"):
        if "ACCESS_REFUSED" in (stack.folder / f"{unit}.log").read_text():
            yield f"the broker refused {unit} something: {(stack.folder / f'{unit}.log').read_text()[-800:]}"


def of_runbooks(stack):
    """What the runbooks run in a pod does so here, beside the running units."""
    inside = {tuple(words[words.index("--") + 1 :]) for _, words in runbooks.commands(stack.tree) if "exec" in words}
    ran = 0
    for words in sorted(inside):
        if words[0].startswith("rabbitmq"):
            done = subprocess.run(words, env=stack.rabbit_env, capture_output=True, text=True, timeout=PATIENCE)
        elif words[0] == "psql":
            done = subprocess.run(words, env=stack.env, capture_output=True, text=True, timeout=PATIENCE)
        elif words[0] == "billing":
            done = subprocess.run([BIN / words[0], *words[1:]], env=stack.settings["billing"], cwd=stack.folder, capture_output=True, text=True, timeout=PATIENCE)
        else:
            continue
        ran += 1
        if done.returncode:
            yield f"{' '.join(words)} ends with {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}"
    if ran < 6:
        yield f"only {ran} commands of the runbooks were run"


def asked_by_runbooks(stack, api, management):
    """What the runbooks ask by curl is answered, and what they look for in the gateway's log is found. Inventory is away here."""
    env = {"PATH": os.environ["PATH"], "BASE_URL": api, "LANG": "C.UTF-8"}
    lines = sorted({line for page in (stack.tree / "runbooks").glob("*.md") for line in page.read_text().splitlines()})
    # Nobody is refused here, so there is no line of the audit: routes/access.rs has its form.
    found = [re.sub(r"^kubectl -n code-keeper logs deployment/gateway [^|]*\| ", "", line) for line in lines if '"audit"' not in line]
    ran = [line.replace("localhost:3100", management) for line in found if line.startswith(("curl ", "grep "))]
    for line in ran:
        # The log is written beside the answers.
        end = time.monotonic() + 10
        while problem := asked(line, env, stack.folder / "gateway.log"):
            if time.monotonic() > end:
                yield f"{line}: {problem}"
                break
            time.sleep(0.2)
    if len(ran) < 5:
        yield f"only {ran} were run"


def asked(line, env, log):
    with open(log) as lines:
        done = subprocess.run(["bash", "-o", "pipefail", "-c", line], env=env, stdin=lines, capture_output=True, text=True, timeout=PATIENCE)
    said = done.stdout.strip()
    wrong = done.returncode or not said or said.startswith("000") or "not_found" in said
    return f"ends with {done.returncode}: {(done.stderr or said).strip()[-300:]}" if wrong else None


def post(url, body):
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def patiently(call):
    """Repeats while the other side starts: 503 and 404 are no answers yet."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except (urllib.error.HTTPError, urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > end:
                raise RuntimeError(f"{error}: {getattr(error, 'read', lambda: b'')()[:300]}") from error
            time.sleep(0.2)


CHECKS = (database, users, commands, order)
