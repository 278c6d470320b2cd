const address = new URL("./openapi.json", document.baseURI);
const description = await (await fetch(address)).json();
// RapiDoc puts a relative server behind the host, not behind the document.
for (const server of description.servers) server.url = new URL(server.url, address).href.replace(/\/$/, "");
await customElements.whenDefined("rapi-doc");
document.querySelector("rapi-doc").loadSpec(description);
