"""How images are built and come into a cluster: the workflow, and the deployment by pull."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import textwrap

import yaml

# Nobody else's code runs with the build role but what a commit names.
PINNED = re.compile(r"^[\w.-]+/[\w.-]+@[0-9a-f]{40}$")


def workflow(root):
    """It is YAML, its scripts are shell, and it takes bootstrap's build role in the environment that the role is for."""
    text = (root / ".github/workflows/images.yml").read_text()
    jobs = yaml.safe_load(text)["jobs"]
    subject = re.search(r'repo:\$\{var\.repository\}:environment:(\w+)"', (root / "terraform/modules/identity/build.tf").read_text())[1]
    assert set(jobs) == {"publish", "promote"}, f"jobs {sorted(jobs)}"
    for name, job in jobs.items():
        assert job["environment"] == subject, f"{name} is in the environment {job['environment']}, the role is for {subject}"
        assert job["permissions"]["id-token"] == "write", f"{name} gets no token for AWS"
        used = [step["uses"] for step in job["steps"] if "uses" in step]
        assert used and all(PINNED.match(each) for each in used), f"{name} uses {used}"
        releases = [step["with"]["cosign-release"] for step in job["steps"] if "cosign" in step.get("uses", "")]
        assert [release.split(".")[0] for release in releases] == ["v2"], f"{name} has cosign {releases}"
        for step in job["steps"]:
            if "run" in step:
                whole_script(name, step)
    scripts = re.findall(r"kustomize/(publish|promote) ", text)
    assert scripts == ["publish", "promote"] and all(os.access(root / "kustomize" / each, os.X_OK) for each in scripts), f"scripts {scripts}"


def whole_script(job, step):
    """The shell takes it, it is told every variable that it reads, and nothing that somebody wrote into a form becomes part of it."""
    subprocess.run(["bash", "-n"], input=step["run"], check=True, text=True)
    read = set(re.findall(r"\$\{?([A-Z_]+)", step["run"]))
    # gh finds its own.
    assert read == set(step["env"]) - {"GH_TOKEN"}, f"{job} reads {sorted(read)} and is told {sorted(step['env'])}"
    assert "${{" not in step["run"], f"{job} puts values into its script"


def deployment_by_pull(root):
    """The Application is one of Argo CD's kind, and the folder that it names builds."""
    page = (root / "kustomize/README.md").read_text()
    block = re.search(r"^    apiVersion: argoproj\.io.*?\n\n", page, re.M | re.S)[0]
    application = yaml.safe_load(textwrap.dedent(block))
    assert (application["apiVersion"], application["kind"]) == ("argoproj.io/v1alpha1", "Application")
    spec = application["spec"]
    assert {"project", "source", "destination"} <= set(spec) and {"repoURL", "targetRevision", "path"} <= set(spec["source"])
    with tempfile.TemporaryDirectory() as folder:
        # Argo CD has the repository; the overlay may name nothing outside of it.
        shutil.copytree(root / "kustomize", pathlib.Path(folder) / "kustomize")
        built = subprocess.run(["kubectl", "kustomize", pathlib.Path(folder) / spec["source"]["path"]], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    spaces = {each["metadata"].get("namespace") for each in yaml.safe_load_all(built.stdout)} - {None}
    assert spec["destination"]["namespace"] in spaces, f"what is built is in {spaces}"
