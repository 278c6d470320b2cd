"""The steps of tests/terraform/run. Environments are applied to mock clouds while the other steps run."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import applied
import documents
import scripts

HERE = pathlib.Path(__file__).resolve().parent


class Failure(Exception):
    """A test that failed, with what is to be seen of it."""


class Suite:
    """Counts what passed, and knows where everything is."""

    def __init__(self, root, cache):
        self.root, self.cache = root, cache
        self.work = cache / "work"
        self.passed, self.failed = 0, []
        self.lock = threading.Lock()

    def check(self, name, test, *arguments):
        """Runs one test; says how long it took."""
        began = time.monotonic()
        try:
            result = test(*arguments)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the test failed and the others go on
            with self.lock:
                self.failed.append(name)
                print(f"FAIL {name} ({time.monotonic() - began:.0f} s)\n{indent(problem)}", flush=True)
            return None
        with self.lock:
            self.passed += 1
            print(f"ok   {name} ({time.monotonic() - began:.0f} s)", flush=True)
        return result

    def complete(self, name, tests, *arguments):
        """Runs a row of tests; one that breaks off between them fails, as nobody asks for what a thread raises."""
        try:
            tests(*arguments)
        except Exception as problem:  # noqa: BLE001 - whatever it is
            with self.lock:
                self.failed.append(name)
                print(f"FAIL {name}: broke off\n{indent(repr(problem))}", flush=True)

    def copy(self, name):
        """A fresh copy of terraform/, so that nothing is written into the project."""
        target = self.work / name
        shutil.rmtree(target, ignore_errors=True)
        ignored = shutil.ignore_patterns(".terraform", "*.tfstate*", "*.tfvars", "*.tfvars.json", "backend.hcl")
        shutil.copytree(self.root / "terraform", target / "terraform", ignore=ignored)
        return target / "terraform"


def indent(text):
    return "\n".join("     " + line for line in str(text).splitlines())


RUNNING = set()


def command(arguments, folder, environment=None, expected=(0,), timeout=900):
    """Runs a program to its end and returns what it printed."""
    arguments = [str(a) for a in arguments]
    process = subprocess.Popen(
        arguments,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    RUNNING.add(process)
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.terminate()
        output = f"{process.communicate()[0]}\nError: not done after {timeout} s"
    finally:
        RUNNING.discard(process)
    if process.returncode not in expected:
        # Of Terraform's plans and reports only what is wrong.
        at = output.find("\nError:")
        raise Failure(f"{' '.join(arguments)} ended with {process.returncode}\n{output[max(at, 0):][-6000:]}")
    return output


def ended(process):
    """Asked of the kernel: the signal may have come while this very thread was waiting for the process, under its lock."""
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True


def stop(*_):
    """Ended from outside: what was started here ends too."""
    processes = [*RUNNING, *applied.RUNNING]
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and not all(map(ended, processes)):
        time.sleep(0.05)
    for process in processes:
        process.kill()
    os._exit(1)


class Terraform:
    """Terraform with the provider from the mirror or the registry for init, and straight from disk afterwards.

    The provider is a file of 700 MB whose checksum every command would compute again; once init has verified it,
    a development override spares that.
    """

    def __init__(self, suite):
        self.suite = suite
        self.plugins = suite.cache / "plugins"
        self.plugins.mkdir(exist_ok=True)
        self.init_config = suite.cache / "init.tfrc"
        self.fast_config = suite.cache / "fast.tfrc"
        mirror = os.environ.get("TF_PLUGIN_DIR")
        self.init_config.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n' if mirror else "disable_checkpoint = true\n"
        )

    def environment(self, config, **more):
        return {
            "TF_CLI_CONFIG_FILE": str(config),
            "TF_PLUGIN_CACHE_DIR": str(self.plugins),
            "TF_PLUGIN_CACHE_MAY_BREAK_DEPENDENCY_LOCK_FILE": "true",
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            # Half the processor time of Terraform and of the provider goes into collecting garbage; memory is there.
            "GOGC": "400",
            **more,
        }

    def init(self, folder):
        """With the provider that the committed lock file names, whose checksum is in it."""
        command(["terraform", "init", "-backend=false", "-lockfile=readonly", "-input=false", "-no-color"], folder, self.environment(self.init_config))
        found = next((folder / ".terraform/providers").glob("*/hashicorp/aws/*/*"))
        self.fast_config.write_text(
            f'provider_installation {{\n  dev_overrides {{\n    "hashicorp/aws" = "{found.resolve()}"\n  }}\n  direct {{}}\n}}\n'
        )

    def run(self, arguments, folder, environment=None, **options):
        """One command, with the verified provider."""
        return command(["terraform", *arguments, "-no-color"], folder, self.environment(self.fast_config, **(environment or {})), **options)


def roots(terraform):
    return [terraform / "bootstrap", *sorted(main.parent for main in (terraform / "environments").glob("*/main.tf"))]


def formatted(suite):
    command(["terraform", "fmt", "-check", "-recursive", "-diff"], suite.root / "terraform")
    command(["terraform", "fmt", "-check", "-recursive", "-diff"], HERE)


def initialised(terraform, tree):
    """The roots, and with them every module."""
    reached = set()
    for root in roots(tree):
        terraform.init(root)
        terraform.run(["validate"], root)
        modules = json.loads((root / ".terraform/modules/modules.json").read_text())["Modules"]
        reached |= {pathlib.Path(module["Dir"]).name for module in modules if "modules/" in module["Dir"]}
    unused = {module.name for module in (tree / "modules").iterdir()} - reached
    if unused:
        raise Failure(f"modules that no root uses: {sorted(unused)}")


def tested_modules(suite, terraform, chosen):
    """terraform test: one run for all modules, with one set-up of the provider. Returns how many of their runs passed."""
    untested = {m.name for m in (suite.root / "terraform/modules").iterdir()} - {t.name.split(".")[0] for t in (HERE / "modules").glob("*.tftest.hcl")}
    if untested:
        raise Failure(f"modules without a test: {sorted(untested)}")
    folder = suite.copy("modules") / "tests"
    shutil.copytree(HERE / "modules", folder)
    for test in folder.glob("*.tftest.hcl"):
        test.write_text(test.read_text().replace("../../../terraform/", "../"))
    with applied.Cloud(suite.cache, "modules") as cloud:
        terraform.run(["get"], folder, cloud.environment)
        filters = [f"-filter={module}.tftest.hcl" for module in chosen]
        report = terraform.run(["test", *filters], folder, cloud.environment, timeout=1500)
    return int(re.search(r"^Success! (\d+) passed, 0 failed", report, re.M)[1])


def policies(suite):
    checkov = suite.cache / "venv-policy/bin/checkov"
    # Offline: no key, no download of anything, and modules only from disk.
    command(
        [checkov, "--directory", suite.root / "terraform", "--framework", "terraform", "--compact", "--quiet",
         "--download-external-modules", "false", "--skip-download", "--skip-path", "\\.terraform/"],
        suite.work, {"LOG_LEVEL": "ERROR"},
    )


def permissions(suite):
    folder = suite.work / "operator-of-dev"
    command([sys.executable, "-B", suite.root / "terraform/bootstrap/operator-for", "dev", folder], suite.work)
    for policies in (suite.root / "terraform/bootstrap/operator", folder):
        command([suite.cache / "venv-policy/bin/python", "-B", HERE / "permissions.py", policies], suite.work)


STEPS = ["fmt", "init", "documents", "scripts", "modules", "policies", "applied"]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--root", type=pathlib.Path, required=True)
    arguments.add_argument("--cache", type=pathlib.Path, required=True)
    arguments.add_argument("steps", nargs="*", metavar="STEP", help="see run")
    arguments = arguments.parse_args()
    every_module = {module.name for module in (arguments.root / "terraform/modules").iterdir()}
    unknown = set(arguments.steps) - {*STEPS, *applied.ROOTS, *applied.PLANNED, *every_module}
    if unknown:
        sys.exit(f"unknown steps: {sorted(unknown)}")
    chosen = set(arguments.steps or STEPS)
    planned_chosen = [root for root in applied.PLANNED if chosen & {"applied", root}]
    roots_chosen = [root for root in applied.ROOTS if chosen & {"applied", root}]
    # None named: all of them.
    modules_chosen = [] if "modules" in chosen else sorted(chosen & every_module)

    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, stop)
    suite = Suite(arguments.root, arguments.cache)
    suite.work.mkdir(exist_ok=True)
    terraform = Terraform(suite)
    if "fmt" in chosen:
        suite.check("format", formatted, suite)
    tree = suite.copy("validate")
    if "init" in chosen or not terraform.fast_config.exists():
        suite.check("init and validate, every root and module", initialised, terraform, tree)

    with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
        for name in roots_chosen:
            pool.submit(suite.complete, name, applied.live, suite, terraform, name, command)
        for name in planned_chosen:
            pool.submit(suite.complete, name, applied.planned, suite, terraform, name, command)
        if "documents" in chosen:
            for name, test in documents.TESTS.items():
                suite.check(name, test, suite.root)
        if "scripts" in chosen:
            suite.check("scripts", scripts.scripts, suite, command)
        if "modules" in chosen or modules_chosen:
            runs = suite.check(f"terraform test, {', '.join(modules_chosen) or 'every module'}", tested_modules, suite, terraform, modules_chosen)
            with suite.lock:
                suite.passed += (runs or 1) - 1
        if "policies" in chosen:
            suite.check("operator policies grant what they say", permissions, suite)
            suite.check("checkov", policies, suite)

    if not suite.failed:
        shutil.rmtree(suite.work, ignore_errors=True)
    print(f"terraform: {suite.passed} passed, {len(suite.failed)} failed")
    sys.exit(1 if suite.failed else 0)


if __name__ == "__main__":
    main()
