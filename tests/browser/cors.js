// Pages of two origins, in Chromium, call the API at BASE_URL with the key API_KEY. The one at http://localhost:PAGE_PORT is allowed
// by the API and reads answers, errors and 429; the other one reads nothing. The API must allow three orders.
"use strict";

const assert = require("node:assert/strict");
const http = require("node:http");
const { chromium } = require("playwright-core");

const base = process.env.BASE_URL;
const port = Number(process.env.PAGE_PORT);

// Calls in the page, and says what the page sees.
function call([url, method, headers, body]) {
    return fetch(url, { method, headers, body: body && JSON.stringify(body) }).then(
        async (answer) => ({
            status: answer.status,
            id: answer.headers.get("X-Request-Id"),
            after: answer.headers.get("Retry-After"),
            limit: answer.headers.get("RateLimit"),
            body: await answer.json(),
        }),
        (error) => ({ error: String(error) }),
    );
}

async function allowed(ask, key, order) {
    // As OpenTelemetry's instrumentation of pages sends it.
    const traced = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", tracestate: "shop=1" };
    const list = await ask("/api/movies", "GET", traced);
    assert.equal(list.status, 200);
    assert.ok(list.id, "the page reads the request id");
    assert.equal((await ask("/api/movies/999999", "GET", key)).body.code, "not_found");
    assert.equal((await ask("/api/movies", "DELETE")).body.code, "unauthenticated");
    assert.equal((await ask("/api/movies", "DELETE", { "X-Api-Key": "ck_x" })).body.code, "unauthenticated");
    assert.equal((await ask("/api/movies", "POST", key, {})).body.code, "invalid");
    for (let left = 2; left >= 0; left--) {
        const placed = await ask("/api/billing", "POST", key, order);
        assert.equal(placed.status, 200);
        assert.match(placed.limit, new RegExp(`^"orders";r=${left};`));
    }
    const limited = await ask("/api/billing", "POST", key, order);
    assert.equal(limited.body.code, "rate_limited");
    assert.ok(Number(limited.after) > 0, "the page reads when to try again");
}

async function main() {
    const pages = http.createServer((_, answer) => answer.setHeader("Content-Type", "text/html").end("<p>shop</p>"));
    await new Promise((listening) => pages.listen(port, "127.0.0.1", listening));
    // Chromium's sandbox refuses to run as root.
    const options = process.getuid() === 0 ? ["--no-sandbox"] : [];
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: options });
    try {
        const key = { "X-Api-Key": process.env.API_KEY, "Content-Type": "application/json" };
        const order = { user_id: "20", number_of_items: 1, total_amount: "1" };
        const page = await browser.newPage();
        const ask = (path, method = "GET", headers = {}, body = undefined) =>
            page.evaluate(call, [base + path, method, headers, body]);
        await page.goto(`http://localhost:${port}`);
        await allowed(ask, key, order);
        // The same page under another name is another origin.
        await page.goto(`http://127.0.0.1:${port}`);
        assert.match((await ask("/api/movies")).error, /TypeError/);
        assert.match((await ask("/api/billing", "POST", key, order)).error, /TypeError/);
        console.log("a page of the allowed origin reads everything, one of another origin nothing");
    } finally {
        await browser.close();
        pages.close();
    }
}

main().catch((error) => {
    console.error(error);
    process.exit(1);
});
