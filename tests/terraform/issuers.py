"""The issuer of tokens, and the first order that is placed with one."""

import json
import pathlib
import re

from expect import same, true, values_of


def issuer(aws, outputs, _state):
    """The gateway is told of a pool whose machine client gets tokens for our scopes, and its secret is where only a secret may be."""
    name, values, cognito = outputs["cluster_name"], values_of(outputs["kustomize_values"]), aws("cognito-idp")
    pool = cognito.describe_user_pool(UserPoolId=values["JWT_ISSUER"].rpartition("/")[2])["UserPool"]
    same("issuer", values["JWT_ISSUER"], f"https://cognito-idp.eu-north-1.amazonaws.com/{pool['Id']}")
    same("where its keys are", values["JWT_JWKS_URL"], f"{values['JWT_ISSUER']}/.well-known/jwks.json")
    same("protection", pool["DeletionProtection"], "ACTIVE" if "production" in name else "INACTIVE")
    true("nobody becomes a user", pool["AdminCreateUserConfig"]["AllowAdminCreateUserOnly"])
    server = cognito.describe_resource_server(UserPoolId=pool["Id"], Identifier=values["JWT_AUDIENCE"])["ResourceServer"]
    same("the audience is what stands before scopes", (values["JWT_AUDIENCE_IN"], server["Identifier"]), ("scopes", name))
    machine = outputs["machine_client"]
    client = cognito.describe_user_pool_client(UserPoolId=pool["Id"], ClientId=machine["id"])["UserPoolClient"]
    same("how tokens are got", client["AllowedOAuthFlows"], ["client_credentials"])
    same("what for", sorted(client["AllowedOAuthScopes"]), [f"{name}/{scope}" for scope in ("movies:write", "orders:read", "orders:write")])
    kept = json.loads(aws("secretsmanager").get_secret_value(SecretId=machine["secret_name"])["SecretString"])
    same("the client's secret", kept, {"client_id": machine["id"], "client_secret": client["ClientSecret"], "token_url": machine["token_url"]})
    domain = machine["token_url"].removeprefix("https://").partition(".")[0]
    same("domain", cognito.describe_user_pool_domain(Domain=domain)["DomainDescription"]["UserPoolId"], pool["Id"])
    true("the secret is in no output", client["ClientSecret"] not in json.dumps(outputs))


# Answers as Cognito's token endpoint does, and as the API; notes what it is asked.
CURL = """#!/bin/sh
echo "$*" >> "{log}.arguments"
case "$*" in
*/oauth2/token) cat >> "{log}.stdin"; echo '{{"access_token": "a.good.token", "expires_in": 3600, "token_type": "Bearer"}}' ;;
esac
"""


def first_order(suite, name, environment, outputs, command):
    """README's commands, as they stand there but for the name of the environment: a token is got with the client's secret, which is in no
    argument and no output, and the order is placed in the client's name."""
    page = (suite.root / "terraform/README.md").read_text()
    script = re.search(r"\*\*A first order\*\*.*?\n\n((?: {7}[^\n]*\n)+)", page, re.S)[1]
    stand_in, log = suite.work / name / "bin/curl", suite.work / name / "curl"
    stand_in.write_text(CURL.format(log=log))
    stand_in.chmod(0o755)
    script = re.sub(r"\bdev\b", name, script)
    said = command(["sh", "-euc", script], suite.work / name, environment)
    said += command(["sh", "-euc", f"terraform/token {name} orders:read operations"], suite.work / name, environment)
    client = outputs["machine_client"]
    kept = command(["aws", "secretsmanager", "get-secret-value", "--secret-id", client["secret_name"], "--output", "text", "--query", "SecretString"],
                   suite.work, environment)
    secret = json.loads(kept)["client_secret"]
    token, order, read, other = pathlib.Path(f"{log}.arguments").read_text().splitlines()
    asked = [f'user = "{client["id"]}:{secret}"', 'data = "grant_type=client_credentials"']
    scopes = f'data-urlencode = "scope=code-keeper-{name}/orders:read code-keeper-{name}/operations"'
    same("what was asked for a token", pathlib.Path(f"{log}.stdin").read_text().splitlines(), [*asked, *asked, scopes])
    same("whom", {line.split()[-1] for line in (token, other)}, {client["token_url"]})
    true(f"the secret is shown nowhere: {said}", secret not in said + token + order + read + other)
    same("what was said", said.strip(), "a.good.token")
    host = outputs["url"].removeprefix("https://")
    for call in (order, read):
        true(f"{call} has the token, and reaches {host}", "Authorization: Bearer a.good.token" in call and f"::{host}:" in call)
    same("whose order", json.loads(order.partition("-d ")[2])["user_id"], client["id"])
    true(f"whose orders: {read}", read.endswith(f"/api/billing/orders?user_id={client['id']}"))
