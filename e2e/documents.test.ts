import { expect, test } from "vitest";
import { commands } from "@tollbooth/shared/contracts/all";
import { apiDocument } from "../services/gateway/src/documents.ts";
import { visit } from "./harness/person.ts";

test("the gateway serves the document that the tests hold its answers against", async () => {
  const { json } = await visit("/openapi.json");
  expect(json).toEqual(apiDocument(commands));
});

test("the pages load nothing from another host", async () => {
  const { text, headers } = await visit("/docs");
  const loaded = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, address]) => address ?? "");
  expect(loaded.length).toBeGreaterThan(3);
  expect(loaded.filter((address) => !address.startsWith("/docs/"))).toEqual([]);
  const policy = headers.get("content-security-policy");
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/https?:|upgrade-insecure-requests/);
});
