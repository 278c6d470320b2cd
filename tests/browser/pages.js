// Opens both documentation pages of the API at BASE_URL in Chromium: every route is shown, and a call of "Try it out"
// succeeds. Screenshots go to the folder SCREENSHOTS.
"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const { chromium } = require("playwright-core");

const base = process.env.BASE_URL;
const patience = 30_000;

async function main() {
    const document = await (await fetch(`${base}/api-docs/openapi.json`)).json();
    const operations = Object.entries(document.paths).flatMap(([route, item]) =>
        Object.keys(item).map((method) => ({ method, route })),
    );
    assert.ok(operations.length >= 9, "the document has the routes");

    const options = ["--disable-background-networking", "--disable-component-update", "--no-first-run"];
    // Chromium's sandbox refuses to run as root.
    if (process.getuid() === 0) options.push("--no-sandbox");
    const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: options });
    try {
        for (const [name, check] of [["swagger", swagger], ["rapidoc", rapidoc]]) {
            const page = await browser.newPage({ viewport: { width: 1280, height: 1600 } });
            const troubles = [];
            page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
            page.on("console", (message) => message.type() === "error" && troubles.push(message.text()));
            page.on("request", (request) => {
                if (!request.url().startsWith(base) && !/^(data|blob):/.test(request.url())) {
                    troubles.push(`loads something from elsewhere: ${request.url()}`);
                }
            });
            page.setDefaultTimeout(patience);
            try {
                await check(page, operations);
            } finally {
                await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
            }
            assert.deepEqual(troubles, [], name);
            console.log(`${name}: ${operations.length} operations shown, a call succeeded`);
        }
    } finally {
        await browser.close();
    }
}

async function swagger(page, operations) {
    await page.goto(`${base}/api-docs`);
    await page.locator(".opblock").first().waitFor();
    const shown = await page.locator(".opblock").evaluateAll((blocks) =>
        blocks.map((block) => ({
            method: block.querySelector(".opblock-summary-method").textContent.toLowerCase(),
            // Swagger UI puts zero-width spaces where a path may be broken.
            route: block.querySelector(".opblock-summary-path").textContent.replace(/\u200b/g, ""),
        })),
    );
    same(shown, operations);
    // Add a movie, with the example that the page offers.
    const block = page.locator(".opblock-post", { hasText: "/api/movies" }).first();
    await block.locator(".opblock-summary").click();
    const tryOut = block.locator(".try-out__btn", { hasText: "Try it out" });
    if (await tryOut.count()) await tryOut.click();
    const body = await block.locator("textarea").first().inputValue();
    assert.equal(JSON.parse(body).title, "Solaris", "the page offers the example");
    const answer = page.waitForResponse((response) => response.request().method() === "POST");
    await block.locator(".btn.execute").click();
    assert.equal((await answer).status(), 201);
    await block.locator(".live-responses-table .response-col_status", { hasText: "201" }).first().waitFor();
}

async function rapidoc(page, operations) {
    await page.goto(`${base}/api-docs/rapidoc`);
    await page.locator("rapi-doc .nav-bar-path").first().waitFor();
    const text = await page.evaluate(() => document.querySelector("rapi-doc").shadowRoot.textContent);
    for (const { route } of operations) {
        assert.ok(text.includes(route), `${route} is shown`);
    }
    const sections = await page.evaluate(() =>
        [...document.querySelector("rapi-doc").shadowRoot.querySelectorAll("[id^=get-],[id^=post-],[id^=put-],[id^=delete-]")]
            .map((section) => section.id)
            .filter((id) => id.includes("/")),
    );
    assert.equal(new Set(sections).size, operations.length, sections.join(" "));
    // List the movies.
    const section = page.locator("rapi-doc [id='get-/api/movies']").first();
    await section.scrollIntoViewIfNeeded();
    const answer = page.waitForResponse((response) => response.url().split("?")[0] === `${base}/api/movies`);
    await section.locator("button", { hasText: /^\s*try\s*$/i }).first().click();
    assert.equal((await answer).status(), 200);
    await section.getByText(/Response Status/i).first().waitFor();
}

function same(shown, expected) {
    const line = ({ method, route }) => `${method} ${route}`;
    assert.deepEqual(shown.map(line).sort(), expected.map(line).sort());
}

main().catch((error) => {
    console.error(error);
    process.exitCode = 1;
});
