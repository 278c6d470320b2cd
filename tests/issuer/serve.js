// An OpenID Connect issuer (oauth2-mock-server) on 127.0.0.1:ISSUER_PORT, whose name is http://127.0.0.1:ISSUER_PORT. Beside what an
// issuer has, it answers on CONTROL_PORT: POST /keys makes one more key and gives its id, POST /stop and /start take the issuer
// away and bring it back with its keys, POST /forge gives tokens that it would never sign, by the name of the attack.
"use strict";

const crypto = require("node:crypto");
const http = require("node:http");

// Debian 12 has Node 18, which does not offer it by itself; the package asks for 20.
globalThis.crypto ??= crypto.webcrypto;

const issuerPort = Number(process.env.ISSUER_PORT);
const name = `http://127.0.0.1:${issuerPort}`;

const encoded = (value) => Buffer.from(value).toString("base64url");

// Claims as a token of this issuer has them.
function claims(more = {}) {
    const now = Math.floor(Date.now() / 1000);
    const usual = { iss: name, aud: "code-keeper", sub: "anna", exp: now + 600, iat: now, scope: "movies:write" };
    return { ...usual, ...more };
}

// Signs as RFC 7515 says, whatever the header claims.
function signed(header, payload, sign) {
    const text = `${encoded(JSON.stringify(header))}.${encoded(JSON.stringify(payload))}`;
    return `${text}.${encoded(sign(text))}`;
}

// The tokens that must not be believed, by what is wrong with them.
function forged(keys) {
    const [first, second] = keys.toJSON(true);
    const header = { typ: "JWT", alg: "RS256", kid: first.kid };
    const secret = crypto.createPrivateKey({ key: first, format: "jwk" });
    const open = crypto.createPublicKey(secret);
    const own = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const rsa = (key) => (text) => crypto.sign("sha256", Buffer.from(text), key);
    const hmac = (key) => (text) => crypto.createHmac("sha256", key).update(text).digest();
    const by = (key, payload, more = {}) => signed({ ...header, ...more }, payload, rsa(key));
    const hs256 = (key) => signed({ ...header, alg: "HS256" }, claims(), hmac(key));
    const without = (claim) => claims({ [claim]: undefined });
    const pem = open.export({ type: "spki", format: "pem" });
    return {
        none: signed({ typ: "JWT", alg: "none", kid: first.kid }, claims(), () => ""),
        "none with a signature": signed({ ...header, alg: "none" }, claims(), rsa(secret)),
        "HS256 by the public key, PEM": hs256(pem),
        "HS256 by the public key, PEM without its last line end": hs256(pem.trim()),
        "HS256 by the public key, PKCS 1": hs256(open.export({ type: "pkcs1", format: "pem" })),
        "HS256 by the public key, DER": hs256(open.export({ type: "spki", format: "der" })),
        "HS256 by the public key, its modulus": hs256(Buffer.from(first.n, "base64url")),
        "HS256 by the public key, JWK": hs256(JSON.stringify(open.export({ format: "jwk" }))),
        "the kid of another key": by(secret, claims(), { kid: second.kid }),
        "a key of the sender's own": by(own, claims()),
        "a key of the sender's own, in the header": by(own, claims(), {
            jwk: crypto.createPublicKey(own).export({ format: "jwk" }),
        }),
        "an unknown kid": by(secret, claims(), { kid: "unknown" }),
        "RS512 by the key": by(secret, claims(), { alg: "RS512" }),
        "no exp": by(secret, without("exp")),
        "exp long ago": by(secret, claims({ exp: 1_600_000_000 })),
        "no aud": by(secret, without("aud")),
        "another audience": by(secret, claims({ aud: "somebody-else" })),
        "another issuer": by(secret, claims({ iss: `${name}/` })),
        "no sub": by(secret, without("sub")),
        "9 KiB": by(secret, claims({ more: "x".repeat(6900) })),
    };
}

async function main() {
    const { OAuth2Server } = await import(process.env.OAUTH2_MOCK_SERVER);
    const server = new OAuth2Server();
    const newKey = async () => (await server.issuer.keys.generate("RS256")).kid;
    await newKey();
    // What a client asks the token endpoint for is for itself.
    server.service.on("beforeTokenSigning", (token, request) => {
        token.payload.sub ??= request.body.client_id;
    });
    const start = async () => {
        await server.start(issuerPort, "127.0.0.1");
        server.issuer.url = name;
    };
    const actions = {
        "/keys": async () => ({ kid: await newKey() }),
        "/start": start,
        // The name is needed where nobody listens too: a token says it.
        "/stop": async () => {
            await server.stop();
            server.issuer.url = name;
        },
        "/forge": async () => forged(server.issuer.keys),
    };
    const control = http.createServer(async (request, answer) => {
        try {
            const done = await actions[request.url]();
            answer.setHeader("Content-Type", "application/json").end(JSON.stringify(done ?? {}));
        } catch (error) {
            answer.writeHead(500).end(String(error));
        }
    });
    control.listen(Number(process.env.CONTROL_PORT), "127.0.0.1");
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
