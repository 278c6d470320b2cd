"""Images of Debian 13's servers in place of the official ones where these cannot be pulled.

That of PostgreSQL and RabbitMQ has both, and an entry point that does what those of the official images do here: it makes the
database at the first start, runs the scripts that are mounted for that, and becomes the server.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import bases
import debian13

ENTRY_POINT = r"""#!/bin/bash
set -euo pipefail
[[ ${1:-} == postgres ]] || exec "$@"
if [[ ! -s $PGDATA/PG_VERSION ]]; then
  initdb --username=postgres --pwfile="$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait --options="-c listen_addresses=''" start
  for script in /docker-entrypoint-initdb.d/*.sh; do "$script"; done
  pg_ctl --wait --mode=fast stop
fi
exec "$@"
"""


def servers(engine):
    tag_ = f"keeper-test/servers:{bases.digest(debian13.SUITE, ENTRY_POINT)}"
    if bases.present(engine, tag_):
        return tag_
    with tempfile.TemporaryDirectory(dir=bases.CACHE) as folder:
        rootfs = Path(folder) / "rootfs"
        bases.debootstrap(rootfs, "ca-certificates", debian13.SUITE)
        (rootfs / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (rootfs / "usr/sbin/policy-rc.d").chmod(0o755)

        def inside(*command):
            env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
            subprocess.run(["chroot", rootfs, *command], check=True, env=env, capture_output=True)

        # The users of the official images; the packages take them as they are.
        for user in ("postgres", "rabbitmq"):
            inside("useradd", "--system", "--non-unique", "--uid", "999", "--home-dir", f"/var/lib/{user}", user)
        inside("apt-get", "install", "--yes", "--no-install-recommends", "postgresql-17", "rabbitmq-server")
        inside("apt-get", "clean")
        for data in ("var/lib/postgresql/data", "var/lib/rabbitmq"):
            shutil.rmtree(rootfs / data, ignore_errors=True)
            (rootfs / data).mkdir(parents=True)
            os.chown(rootfs / data, 999, 999)
        (rootfs / "usr/local/bin/docker-entrypoint.sh").write_text(ENTRY_POINT)
        (rootfs / "usr/local/bin/docker-entrypoint.sh").chmod(0o755)
        env = {
            "PATH": "/usr/local/bin:/usr/lib/rabbitmq/bin:/usr/lib/postgresql/17/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/var/lib/rabbitmq",
            "LANG": "C.UTF-8",
            "RABBITMQ_MNESIA_BASE": "/var/lib/rabbitmq/mnesia",
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        }
        changes = [f"ENV {k}={v}" for k, v in env.items()] + ['ENTRYPOINT ["docker-entrypoint.sh"]']
        bases.make(engine, rootfs, tag_, changes)
    return tag_


def prometheus(engine):
    """Debian 13's Prometheus, with the user, the folders and the command of the official image."""
    lines = [
        f"FROM {bases.debian_image(engine)}",
        "COPY usr/bin/prometheus usr/bin/promtool /bin/",
        "RUN mkdir -p /prometheus /etc/prometheus && chown 65534:65534 /prometheus",
        "USER 65534",
        "WORKDIR /prometheus",
        'ENTRYPOINT ["/bin/prometheus"]',
        'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]',
    ]
    with tempfile.TemporaryDirectory(dir=bases.CACHE) as folder:
        shutil.copytree(debian13.programs("prometheus", "promtool") / "usr/bin", Path(folder) / "usr/bin")
        return bases.from_lines(engine, folder, "keeper-test/prometheus:latest", lines)
