/** Load from a process of its own: reads what to send from a file, prints what came back as JSON. */
import { readFile } from "node:fs/promises";
import autocannon from "autocannon";

const [file = ""] = process.argv.slice(2);
const options = JSON.parse(await readFile(file, "utf8")) as autocannon.Options;
let count = 0;
/** `{n}` in a body is another text in each request, of any run. */
const setupRequest = (request: autocannon.Request): autocannon.Request => ({
  ...request,
  body: String(request.body).replace("{n}", () => `${process.pid}-${count++}`),
});
const numbered = options.requests?.map((request) =>
  request.body?.includes("{n}") ? { ...request, setupRequest } : request,
);
const { requests, latency, non2xx, errors, timeouts } = await autocannon({ ...options, requests: numbered ?? [] });
console.log(
  JSON.stringify({
    perSecond: requests.average,
    p50Ms: latency.p50,
    p99Ms: latency.p99,
    failed: non2xx + errors + timeouts,
  }),
);
