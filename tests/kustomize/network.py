"""NetworkPolicies allow exactly the connections that the configuration makes.

What should connect is derived from the settings, the Services and the edge objects; what may connect, from the policies. Both
are compared side by side: (from, to, port) for what may leave a pod, and again for what may enter one.
"""

import ipaddress
import os
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from objects import containers, matches, name_of, pod_labels, ports
from references import edges

# Pads lists of subnets to the length that the policies have.
NOWHERE = "127.0.0.1/32"
SCRAPERS = ("monitoring",)
# Policies for who is found by the subnets of the nodes, because it uses their network.
AGENTS, TO_AGENTS = "node-agent-to-", "units-to-node-agent"
# Everything but private networks, where an issuer of tokens can be anywhere.
PUBLIC = {
    "cidr": "0.0.0.0/0",
    "except": ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"],
}
# Settings that are addresses, where they are not empty.
ADDRESSES = ("KEEPER_AUTH__JWT__ISSUER", "KEEPER_AUTH__JWT__JWKS_URL", "KEEPER_TELEMETRY__OTLP_ENDPOINT")
HOSTS = (("KEEPER_DATABASE__HOST", "KEEPER_DATABASE__PORT"), ("KEEPER_BROKER__HOST", "KEEPER_BROKER__PORT"), ("PGHOST", "PGPORT"))


def named_hosts(rendered, workload):
    """(host, port) of everything the environment of a workload names."""
    for container in containers(workload):
        env = rendered.environment(container)
        for key, value in env.items():
            if key.startswith("KEEPER_") and key.endswith("__URL") or key in ADDRESSES and value:
                url = urlsplit(value)
                yield url.hostname, url.port or {"http": 80, "https": 443}[url.scheme]
        for option, value in pairwise(container.get("args", [])):
            if option == "--url":
                yield urlsplit(value).hostname, urlsplit(value).port
        for host, port in HOSTS:
            if host in env:
                yield env[host], int(env[port])


def pod_port(service, workload, port):
    """The container port behind a Service's port."""
    for p in service["spec"]["ports"]:
        if port in (p["port"], p["name"]):
            target = p.get("targetPort", p["port"])
            return ports(workload).get(target, target)
    return None


def wanted(rendered):
    """(from, to, port): pods by name, and the outside as `outside`, `edge`, `scraper` or `agent`."""
    for w in rendered.workloads():
        me = name_of(w)
        for host, port in named_hosts(rendered, w):
            service = rendered.get("Service", host)
            if service is None:
                # A name in another namespace of the cluster has it behind the first dot.
                yield me, "scraper" if host.partition(".")[2] in SCRAPERS else "outside", port
            else:
                for target in rendered.selected_by(service):
                    yield me, name_of(target), pod_port(service, target, port)
        # Nodes of a cluster find each other by their own headless Service.
        service = rendered.get("Service", w["spec"].get("serviceName", ""))
        if service and service["spec"].get("publishNotReadyAddresses"):
            for p in service["spec"]["ports"]:
                yield me, me, pod_port(service, w, p["name"])
    for obj, name, port in edges(rendered):
        service = rendered.get("Service", name)
        for target in rendered.selected_by(service):
            yield "edge", name_of(target), pod_port(service, target, port)
            if obj["kind"] == "TargetGroupBinding":
                # The target group's health check asks the management port.
                yield "edge", name_of(target), ports(target)["management"]


def scraped(rendered):
    """What a scraper may ask; whether one is let in is the overlay's choice, but then to all of this and no more."""
    for w in rendered.workloads():
        for name in ("management", "metrics"):
            if name in ports(w):
                yield "scraper", name_of(w), ports(w)[name]
        # The CloudWatch agent is told of the units only (terraform/modules/cluster).
        if "management" in ports(w):
            yield "agent", name_of(w), ports(w)["management"]


def places(rendered, peer):
    """The names of those that a policy's peer stands for."""
    if "ipBlock" in peer:
        return ["cidr"]
    if "namespaceSelector" in peer:
        term = peer["namespaceSelector"].get("matchExpressions", [{}])[0]
        if term.get("key") != "kubernetes.io/metadata.name" or not term.get("values"):
            return ["anywhere"]
        return ["scraper" if v in SCRAPERS else "edge" for v in term["values"]]
    return [name_of(w) for w in rendered.workloads() if matches(peer["podSelector"], pod_labels(w))]


def is_dns(rule):
    return {(p["protocol"], p["port"]) for p in rule["ports"]} == {("UDP", 53), ("TCP", 53)}


def granted(rendered, direction):
    """(from, to, port) that the policies of a direction grant."""
    word, side = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}[direction]
    for policy in rendered.of("NetworkPolicy"):
        if direction not in policy["spec"]["policyTypes"]:
            continue
        selected = [name_of(w) for w in rendered.workloads() if matches(policy["spec"]["podSelector"], pod_labels(w))]
        for rule in policy["spec"].get(word, []):
            if direction == "Egress" and is_dns(rule):
                continue
            peers = [p for peer in rule.get(side, [{"ipBlock": {}}]) for p in places(rendered, peer)]
            for pod in selected:
                for peer in peers:
                    for port in rule.get("ports", [{"port": "any"}]):
                        source = "agent" if policy["metadata"]["name"].startswith(AGENTS) else "edge"
                        outside = {"cidr": source if direction == "Ingress" else "outside"}.get(peer, peer)
                        yield (outside, pod, port["port"]) if direction == "Ingress" else (pod, outside, port["port"])


def exact(rendered):
    if not rendered.has_policies:
        return
    want = set(wanted(rendered))
    for direction in ("Ingress", "Egress"):
        have = set(granted(rendered, direction))
        inside = {c for c in want if (c[1] if direction == "Ingress" else c[0]) not in ("outside", "edge", "scraper")}
        free = set(scraped(rendered))
        for who in ("scraper", "agent"):
            all_of = {c for c in free if c[0] == who}
            if have & all_of and not all_of <= have and direction == "Ingress":
                for c in sorted(all_of - have):
                    yield f"{direction}: {who}s reach some, but not {c}"
        for c in sorted(inside - have, key=str):
            yield f"{direction}: {c[0]} needs {c[1]} port {c[2]}, and no policy allows it"
        for c in sorted(have - inside - free, key=str):
            yield f"{direction}: {c[0]} may reach {c[1]} port {c[2]}, and nothing needs it"


def watched(rendered):
    """Where CloudWatch has the alarms, its agent is let in: silence of a dead-letter alarm must mean something."""
    if not rendered.has_policies or not rendered.of("TargetGroupBinding"):
        return
    if not any(name == "agent" for name, _, _ in granted(rendered, "Ingress")):
        yield "the CloudWatch agent reaches nothing"


def same_ports(rendered):
    """EKS's policies hold for Services only whose port is that of their pods.
    https://docs.aws.amazon.com/eks/latest/userguide/cni-network-policy.html"""
    for service in rendered.of("Service"):
        for workload in rendered.selected_by(service):
            for p in service["spec"]["ports"]:
                if pod_port(service, workload, p["name"]) != p["port"]:
                    yield f"{name_of(service)}: port {p['port']} is another in {name_of(workload)}"


def defaults(rendered):
    """Denied unless allowed, DNS for all, and ranges no wider than a private network."""
    if not rendered.has_policies:
        return
    denies = [p for p in rendered.of("NetworkPolicy") if p["spec"]["podSelector"] == {} and not p["spec"].get("ingress") and not p["spec"].get("egress")]
    if not any(set(p["spec"]["policyTypes"]) == {"Ingress", "Egress"} for p in denies):
        yield "nothing is denied by default"
    dns = [r for p in rendered.of("NetworkPolicy") if p["spec"]["podSelector"] == {} for r in p["spec"].get("egress", [])]
    if len(dns) != 1 or not is_dns(dns[0]):
        yield "not every pod may ask DNS, or it may ask more"
    # Whoever answers on port 53 somewhere is a way out.
    servers = [p.get("ipBlock", {}).get("cidr", "/32") for p in dns[0].get("to", [])]
    if not servers or not all(s.endswith("/32") for s in servers):
        yield "DNS may be asked of anybody"
    for policy in rendered.of("NetworkPolicy"):
        rules = policy["spec"].get("ingress", []) + policy["spec"].get("egress", [])
        for peer in [p for r in rules for p in r.get("from", r.get("to", []))]:
            cidr = peer.get("ipBlock", {}).get("cidr")
            if cidr is not None and not private(cidr) and not to_an_issuer(policy, peer["ipBlock"]):
                yield f"{name_of(policy)}: {cidr} is not one private range"


def to_an_issuer(policy, block):
    """Whether it lets the gateway, and nobody else, reach port 443 of the internet, and nothing more."""
    spec = policy["spec"]
    rule = {"to": [{"ipBlock": block}], "ports": [{"protocol": "TCP", "port": 443}]}
    return block == PUBLIC and spec["egress"] == [rule] and spec["policyTypes"] == ["Egress"] and (
        spec["podSelector"] == {"matchLabels": {"app.kubernetes.io/name": "gateway"}})


def ranges(rendered):
    """The ranges are the subnets that terraform.env of the overlay names, all of them."""
    overlays = Path(os.environ["KEEPER_ROOT"]) / "kustomize/overlays"
    # Combinations have staging's.
    values = overlays / (rendered.name if (overlays / rendered.name).exists() else "staging") / "terraform.env"
    if not values.exists():
        return
    named = dict(line.split("=", 1) for line in values.read_text().splitlines() if "=" in line and line[0] != "#")
    for policy in rendered.of("NetworkPolicy"):
        source = "NODE_CIDRS" if policy["metadata"]["name"].startswith(AGENTS) else "LOAD_BALANCER_CIDRS"
        target = "NODE_CIDRS" if policy["metadata"]["name"] == TO_AGENTS else "DATABASE_CIDRS"
        for direction, key in (("ingress", source), ("egress", target)):
            for rule in policy["spec"].get(direction, []):
                key = "DNS_CIDR" if direction == "egress" and is_dns(rule) else key
                block = {p["ipBlock"]["cidr"] for p in rule.get("from", rule.get("to", [])) if "ipBlock" in p} - {NOWHERE}
                if block and block != {PUBLIC["cidr"]} and block != set(named[key].split(",")):
                    yield f"{name_of(policy)}: {direction}: {sorted(block)}, but {key} is {named[key]}"


def private(cidr):
    try:
        network = ipaddress.ip_network(cidr)
    except ValueError:
        return False
    return network.is_private and network.prefixlen >= 8


CHECKS = (exact, watched, same_ports, defaults, ranges)
