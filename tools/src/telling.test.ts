/** What the platform tells of itself, what is said of that, and what is asked of it: the same names everywhere. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { metricsText } from "@tollbooth/shared/metrics";
import { ROOT } from "./checkout.ts";
import { documentedMetrics, namesIn, OF_THE_PROCESS } from "./testing/metrics-table.ts";
import { watchRounds } from "./watch-metrics.ts";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");
watchRounds();
const told = namesIn(await metricsText()).filter((name) => !OF_THE_PROCESS.test(name));
/** The audit's own are told of where its watch is. */
const isOfAudit = (name: string) => name.startsWith("tollbooth_audit_");

test("every metric is in the runbook's table, and no other", () => {
  const rows = documentedMetrics().map(({ name }) => name);
  expect(rows.toSorted()).toEqual(told.filter((name) => !isOfAudit(name)).toSorted());
});

test("every metric of the audit's watch is in the runbook", () => {
  const names = read("docs/OPERATIONS.md").match(/\btollbooth_audit_\w+/g);
  expect([...new Set(names)].toSorted()).toEqual(told.filter(isOfAudit).toSorted());
});

const asking = ["otel/alerts.yml", ...readdirSync(join(ROOT, "otel/grafana")).map((file) => `otel/grafana/${file}`)];

test("alerts and dashboards ask for metrics that are told", () => {
  const asked =
    asking
      .map(read)
      .join("\n")
      .match(/\b(?:tollbooth|http_server|db_client|process|nodejs)_\w+/g) ?? [];
  const labels = new Set(documentedMetrics().flatMap((metric) => metric.labels));
  const names = [...new Set(asked)].filter((name) => !labels.has(name) && !OF_THE_PROCESS.test(name));
  expect(names.length).toBeGreaterThan(8);
  const isTold = (name: string) => told.includes(name) || told.includes(name.replace(/_(count|sum|bucket)$/, ""));
  expect(names.filter((name) => !isTold(name))).toEqual([]);
});
