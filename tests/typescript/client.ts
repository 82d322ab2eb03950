// A client as a dashboard would write it, on types generated from the service's OpenAPI document.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Signal = components["schemas"]["Signal"];

const baseUrl = process.argv[2];
assert(baseUrl, "the address of a running server");
const api = createClient<paths>({ baseUrl });

const list = await api.GET("/api/signals", {
  params: { query: { sort_by: "priority", sort_order: "desc", limit: 5 } },
});
assert(list.data, JSON.stringify(list.error));
const first: Signal | undefined = list.data.signals[0];
assert(first, "the sample run has signals");
const severity: number | null = first.simplified_severity;
assert.equal(typeof severity, "number");

const one = await api.GET("/api/signals/{signal_id}", {
  params: { path: { signal_id: first.id } },
});
assert.equal(one.data?.description, first.description);

const edited = await api.PATCH("/api/signals/{signal_id}", {
  params: { path: { signal_id: first.id } },
  body: { why_matters_narrative: "Checked by the client" },
});
assert.equal(edited.data?.why_matters_narrative, "Checked by the client");

const missing = await api.GET("/api/signals/{signal_id}", {
  params: { path: { signal_id: "00000000-0000-0000-0000-000000000000" } },
});
assert.equal(missing.response.status, 404);
assert.match(String(missing.error?.detail), /Signal not found/);

console.log(JSON.stringify({ total: list.data.total_count, first: first.id }));
