"""Proof that the checks can fail: each mutation breaks one thing in a rendering, and the named check must object."""

import copy

import network
import references
import schemas
import settings
import workloads
from objects import Rendered, containers, pod_template


def kind(rendered, kind_, name):
    return next(o for o in rendered.objects if o["kind"] == kind_ and o["metadata"]["name"].startswith(name))


def main(rendered, unit="gateway"):
    return containers(rendered.unit(unit), init=False)[0]


def config(rendered, unit):
    return kind(rendered, "ConfigMap", f"{unit}-settings")["data"]


def drop(rendered, kind_, name):
    rendered.objects.remove(kind(rendered, kind_, name))


def pod(rendered, unit="gateway"):
    return pod_template(rendered.unit(unit))["spec"]


def claim(rendered, name):
    return rendered.unit(name)["spec"]["volumeClaimTemplates"][0]


def values(rendered):
    return kind(rendered, "PodMonitor", "code")["spec"]["selector"]["matchExpressions"][0]["values"]


def policy(rendered, name):
    return kind(rendered, "NetworkPolicy", name)["spec"]


# A combination with monitoring, which no overlay has.
WATCHED = "in-cluster+made-secrets,load-balancer,watched,guarded"
# One with a collector of its own.
COLLECTED = "managed+aws-secrets,ingress,watched,guarded"

# (check, what is broken, how); the overlay is dev unless a fourth value says another.
MUTATIONS = (
    (workloads.probes, "no readiness probe", lambda r: main(r).pop("readinessProbe")),
    (workloads.probes, "liveness asks the dependencies", lambda r: main(r)["livenessProbe"]["httpGet"].update(path="/health/ready")),
    (workloads.probes, "a probe of a port that is not there", lambda r: main(r)["startupProbe"]["httpGet"].update(port="http2")),
    (workloads.resources, "no memory limit", lambda r: main(r)["resources"]["limits"].pop("memory")),
    (workloads.resources, "no request in an init container", lambda r: containers(r.unit("billing"))[0]["resources"].pop("requests")),
    (workloads.security, "root", lambda r: pod(r)["securityContext"].update(runAsNonRoot=False)),
    (workloads.security, "a writable root", lambda r: main(r)["securityContext"].update(readOnlyRootFilesystem=False)),
    (workloads.security, "a capability", lambda r: main(r)["securityContext"]["capabilities"].update(add=["NET_ADMIN"])),
    (workloads.security, "a token", lambda r: pod(r).pop("automountServiceAccountToken")),
    (workloads.security, "a namespace that allows all", lambda r: kind(r, "Namespace", "code")["metadata"]["labels"].pop("pod-security.kubernetes.io/enforce")),
    (workloads.scaling, "replicas beside an autoscaler", lambda r: r.unit("gateway")["spec"].update(replicas=2)),
    (workloads.scaling, "an autoscaler of nothing", lambda r: kind(r, "HorizontalPodAutoscaler", "gateway")["spec"]["scaleTargetRef"].update(name="gate")),
    (workloads.scaling, "no autoscaler", lambda r: drop(r, "HorizontalPodAutoscaler", "inventory")),
    (workloads.scaling, "no disruption budget", lambda r: drop(r, "PodDisruptionBudget", "billing")),
    (workloads.scaling, "no spread", lambda r: pod(r, "inventory").pop("topologySpreadConstraints")),
    (workloads.scaling, "a spread that counts other pods", lambda r: pod(r)["topologySpreadConstraints"][0].update(labelSelector={"matchLabels": {"app.kubernetes.io/name": "x"}})),
    (workloads.shutdown, "a grace shorter than the shutdown", lambda r: pod(r).update(terminationGracePeriodSeconds=20)),
    (workloads.rollout, "pods go first", lambda r: r.unit("inventory")["spec"]["strategy"]["rollingUpdate"].update(maxUnavailable=1)),
    (workloads.rollout, "pods that are ready without the load balancer", lambda r: kind(r, "Namespace", "code-keeper")["metadata"]["labels"].pop("eks.amazonaws.com/pod-readiness-gate-inject")),
    (workloads.rollout, "a pod that counts at once", lambda r: r.unit("gateway")["spec"].update(minReadySeconds=5)),
    (workloads.migrations, "no migration step", lambda r: pod(r, "inventory").pop("initContainers")),
    (workloads.migrations, "migrating while serving", lambda r: config(r, "billing").update(KEEPER_DATABASE__MIGRATE="true")),
    (workloads.images, "an image without a version", lambda r: main(r).update(image="code-keeper/gateway:latest")),
    (workloads.images, "an image that somebody may push again", lambda r: main(r, "billing").update(image="code-keeper/billing:0.1.0"), "production"),
    (workloads.storage, "a claim of the default class", lambda r: kind(r, "PersistentVolumeClaim", "billing")["spec"].pop("storageClassName")),
    (workloads.storage, "billing's claim of the default class", lambda r: claim(r, "billing")["spec"].pop("storageClassName"), "production"),
    (workloads.storage, "no class on EKS", lambda r: drop(r, "StorageClass", "code-keeper"), "staging"),
    (workloads.storage, "volumes for nodes without the driver", lambda r: kind(r, "StorageClass", "code-keeper").pop("allowedTopologies")),
    (workloads.claims, "billing without a claim", lambda r: r.unit("billing")["spec"].pop("volumeClaimTemplates")),
    (workloads.claims, "a claim that nothing mounts", lambda r: claim(r, "rabbitmq")["metadata"].update(name="disk")),
    (workloads.claims, "a claim that can only be read", lambda r: main(r, "billing")["volumeMounts"][-1].update(readOnly=True)),
    (workloads.claims, "billing's claims left behind", lambda r: r.unit("billing")["spec"].pop("persistentVolumeClaimRetentionPolicy")),
    (workloads.claims, "data that goes with its server", lambda r: r.unit("billing-db")["spec"].update(persistentVolumeClaimRetentionPolicy={"whenDeleted": "Delete"})),
    (workloads.claims, "pods without names", lambda r: kind(r, "Service", "billing-pods")["spec"].pop("clusterIP")),
    (workloads.claims, "a volume of root", lambda r: pod(r, "billing")["securityContext"].pop("fsGroup")),
    (references.selectors, "a selector that misses", lambda r: r.unit("gateway")["spec"]["selector"]["matchLabels"].update({"app.kubernetes.io/name": "gate"})),
    (references.selectors, "a Service of nobody", lambda r: kind(r, "Service", "inventory")["spec"]["selector"].update({"app.kubernetes.io/name": "x"})),
    (references.service_ports, "a Service of a port that is not there", lambda r: kind(r, "Service", "gateway")["spec"]["ports"][0].update(targetPort="web")),
    (references.service_ports, "a unit that is not watched", lambda r: values(r).remove("billing"), WATCHED),
    (references.service_ports, "a pod without metrics that is watched", lambda r: values(r).append("postgres"), WATCHED),
    (references.service_ports, "a port of metrics that nobody asks", lambda r: kind(r, "PodMonitor", "code")["spec"]["podMetricsEndpoints"].pop(), WATCHED),
    (references.service_ports, "a binding to a port that is not there", lambda r: kind(r, "TargetGroupBinding", "gateway")["spec"]["serviceRef"].update(port="https")),
    (references.existence, "a ConfigMap that is not there", lambda r: main(r)["envFrom"][0]["configMapRef"].update(name="gateway-settings")),
    (references.existence, "a Secret that is not there", lambda r: pod(r)["volumes"][0]["secret"].update(secretName="gateway")),
    (references.existence, "a key that is not there", lambda r: kind(r, "ConfigMap", "billing-postgres")["data"].pop("backup.sh")),
    (references.existence, "an account that is not there", lambda r: drop(r, "ServiceAccount", "rabbitmq")),
    (references.existence, "a claim that is not there", lambda r: drop(r, "PersistentVolumeClaim", "inventory")),
    (references.existence, "a secret provider that is not there", lambda r: drop(r, "SecretProviderClass", "billing"), "production"),
    (references.namespaces, "an object elsewhere", lambda r: kind(r, "Service", "gateway")["metadata"].update(namespace="default")),
    (references.leftovers, "a value that Terraform did not write", lambda r: kind(r, "TargetGroupBinding", "gateway")["spec"].update(targetGroupARN="")),
    (references.no_secrets, "a password in a setting", lambda r: config(r, "billing").update(KEEPER_BROKER__PASSWORD="hunter2")),
    (references.no_secrets, "a Secret with values", lambda r: r.objects.append({"kind": "Secret", "metadata": {"name": "x"}, "data": {"a": "Yg=="}})),
    (settings.parse, "a setting that does not exist", lambda r: config(r, "gateway").update(KEEPER_HTTP__PROT="1")),
    (settings.parse, "a setting of another unit", lambda r: config(r, "inventory").update(KEEPER_BROKER__HOST="rabbitmq")),
    (settings.parse, "a value of another type", lambda r: config(r, "billing").update(KEEPER_BROKER__PORT="amqp")),
    (settings.parse, "a password file that is not mounted", lambda r: main(r, "billing").pop("volumeMounts")),
    (settings.parse, "a journal where nothing can be written", lambda r: main(r, "billing")["volumeMounts"].pop()),
    (settings.effective_ports, "a port that the process does not open", lambda r: main(r)["ports"][1].update(containerPort=3101)),
    (settings.callers, "a gateway that is open", lambda r: config(r, "gateway").update(KEEPER_AUTH__MODE="open")),
    (settings.callers, "no issuer", lambda r: config(r, "gateway").update(KEEPER_AUTH__JWT__ISSUER="", KEEPER_AUTH__JWT__JWKS_URL=""), "staging"),
    (settings.callers, "calls without a limit", lambda r: config(r, "gateway").pop("KEEPER_LIMITS__ENABLED"), "production"),
    (settings.callers, "one address for all", lambda r: config(r, "gateway").update(KEEPER_HTTP__TRUSTED_PROXIES="0"), "staging"),
    (settings.callers, "a prefix that a client chooses", lambda r: config(r, "gateway").pop("KEEPER_HTTP__TRUSTED_PREFIX"), "staging"),
    (network.exact, "a connection that no policy allows", lambda r: policy(r, "billing-to-rabbitmq").update(egress=[])),
    (network.exact, "a port that nothing needs", lambda r: policy(r, "inventory-db")["ingress"][0]["ports"].append({"protocol": "TCP", "port": 22})),
    (network.exact, "another port in the settings", lambda r: config(r, "gateway").update(KEEPER_BROKER__PORT="5671")),
    (network.exact, "everyone to the database", lambda r: policy(r, "billing-db")["ingress"][0].pop("from")),
    (network.exact, "a server outside that no policy names", lambda r: config(r, "inventory").update(KEEPER_DATABASE__PORT="5433"), "staging"),
    (network.exact, "an issuer that no policy names", lambda r: drop(r, "NetworkPolicy", "gateway-to-issuer"), "production"),
    (network.exact, "an issuer on another port", lambda r: config(r, "gateway").update(KEEPER_AUTH__JWT__JWKS_URL="https://issuer.example.com:8443/keys")),
    (network.exact, "a way out that no issuer needs", lambda r: [config(r, "gateway").pop(f"KEEPER_AUTH__JWT__{key}") for key in ("ISSUER", "JWKS_URL")]),
    (network.exact, "an agent that misses billing", lambda r: policy(r, "node-agent-to-billing").update(ingress=[])),
    (network.exact, "spans that reach no collector", lambda r: drop(r, "NetworkPolicy", "units-to-collector"), COLLECTED),
    (network.exact, "a collector on another port", lambda r: config(r, "billing").update(KEEPER_TELEMETRY__OTLP_ENDPOINT="http://otel-collector.monitoring:4317"), COLLECTED),
    (network.exact, "a collector in another namespace", lambda r: config(r, "billing").update(KEEPER_TELEMETRY__OTLP_ENDPOINT="http://otel-collector.other:4318"), COLLECTED),
    (network.exact, "a way to a collector that nothing needs", lambda r: config(r, "inventory").pop("KEEPER_TELEMETRY__OTLP_ENDPOINT"), COLLECTED),
    (network.exact, "spans that reach no agent", lambda r: drop(r, "NetworkPolicy", "units-to-node-agent"), "staging"),
    (network.exact, "spans to the agent's other port", lambda r: policy(r, "units-to-node-agent")["egress"][0]["ports"][0].update(port=4315), "staging"),
    (network.ranges, "an agent that is anywhere inside", lambda r: policy(r, "units-to-node-agent")["egress"][0]["to"][0]["ipBlock"].update(cidr="10.0.0.0/8"), "staging"),
    (settings.parse, "a collector that is asked by TLS", lambda r: config(r, "gateway").update(KEEPER_TELEMETRY__OTLP_ENDPOINT="https://otel-collector.monitoring:4318"), COLLECTED),
    (settings.parse, "more than all traces", lambda r: config(r, "gateway").update(KEEPER_TELEMETRY__SAMPLE_RATIO="2"), "staging"),
    (network.watched, "no agent", lambda r: [policy(r, f"node-agent-to-{u}").update(ingress=[]) for u in ("gateway", "inventory", "billing")]),
    (network.same_ports, "a Service of port 80", lambda r: kind(r, "Service", "inventory")["spec"]["ports"][0].update(port=80)),
    (network.ranges, "nodes of a zone without their agent", lambda r: policy(r, "node-agent-to-billing")["ingress"][0]["from"][1]["ipBlock"].update(cidr="127.0.0.1/32")),
    (network.ranges, "a subnet too few", lambda r: policy(r, "load-balancer")["ingress"][0]["from"][1]["ipBlock"].update(cidr="127.0.0.1/32")),
    (network.defaults, "no default", lambda r: drop(r, "NetworkPolicy", "default-deny")),
    (network.defaults, "DNS of anybody", lambda r: policy(r, "dns")["egress"][0].pop("to")),
    (network.ranges, "another DNS", lambda r: policy(r, "dns")["egress"][0]["to"][0]["ipBlock"].update(cidr="10.2.0.2/32")),
    (network.defaults, "an issuer inside", lambda r: policy(r, "gateway-to-issuer")["egress"][0]["to"][0]["ipBlock"]["except"].remove("10.0.0.0/8")),
    (network.defaults, "an issuer for all", lambda r: policy(r, "gateway-to-issuer").update(podSelector={})),
    (network.defaults, "every port of the internet", lambda r: policy(r, "gateway-to-issuer")["egress"][0].update(ports=[{"protocol": "TCP", "port": 22}])),
    (network.defaults, "the whole internet", lambda r: policy(r, "load-balancer")["ingress"][0]["from"][0]["ipBlock"].update(cidr="0.0.0.0/0")),
)


def validate(rendered):
    """Only what the mutations below touch; all of it was validated before."""
    return schemas.validate([o for o in rendered.objects if o["metadata"]["name"] == "gateway"])


SCHEMA_MUTATIONS = (
    ("a misspelt field", lambda r: pod(r).update(terminationGracePeriod=5)),
    ("a number where a string belongs", lambda r: main(r).update(env=[{"name": "A", "value": 1}])),
    ("a misspelt field of a resource of EKS", lambda r: kind(r, "TargetGroupBinding", "gateway")["spec"].update(targetGroupArn="x")),
)


def problems(renderings):
    """Yields every mutation that its check lets pass, and every check without a mutation."""
    by_name = {r.name: r for r in renderings}
    before = {}
    every = [(c, w, m, *(o or ("dev",))) for c, w, m, *o in MUTATIONS]
    every += [(validate, w, m, "dev") for w, m in SCHEMA_MUTATIONS]
    for check, what, mutate, overlay in every:
        sound = by_name[overlay]
        broken = Rendered(sound.name, copy.deepcopy(sound.objects), sound.beside, sound.has_policies)
        mutate(broken)
        if (check, overlay) not in before:
            before[check, overlay] = set(check(sound))
        if broken.objects == sound.objects:
            yield f"{what}: the mutation changes nothing"
        elif not set(check(broken)) - before[check, overlay]:
            yield f"{what}: {check.__module__}.{check.__name__} does not object"
    tried = {check for check, *_ in MUTATIONS}
    for module in (workloads, references, settings, network):
        for check in module.CHECKS:
            if check not in tried:
                yield f"{module.__name__}.{check.__name__} was never seen to fail"


def count():
    return len(MUTATIONS) + len(SCHEMA_MUTATIONS)
