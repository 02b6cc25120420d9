import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { commands } from "@tollbooth/shared/contracts/all";
import { apiDocument } from "../services/gateway/src/documents.ts";
import { ROOT } from "../tools/src/checkout.ts";
import { SERVICES } from "../tools/src/service.ts";
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

test("what is built holds neither a test nor a secret", () => {
  const folders = ["tools", ...SERVICES.map((service) => `services/${service}`)];
  const built = folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder, "dist"), { recursive: true, encoding: "utf8" }).map((file) =>
      join(folder, "dist", file),
    ),
  );
  expect(built.length).toBeGreaterThan(50);
  expect(built.filter((file) => /\.test\.|\.nk$|\.env|kept\.json|\.pem$/.test(file))).toEqual([]);
  const secret =
    /-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\s|\\n)*[\w+/]{40}|\bS[UANO][A-Z2-7]{56}\b|\beyJ[\w-]{10,}\.eyJ|\bsk-or-v1-[0-9a-f]{64}/;
  const told = built.filter((file) => /\.(js|map)$/.test(file) && secret.test(readFileSync(join(ROOT, file), "utf8")));
  expect(told).toEqual([]);
  const sources = built.flatMap((file) => {
    if (!file.endsWith(".map")) return [];
    return (JSON.parse(readFileSync(join(ROOT, file), "utf8")) as { sources: string[] }).sources;
  });
  expect(sources).toContainEqual(expect.stringMatching(/src\/main\.ts$/));
  expect(sources.filter((path) => /\.test\.|src\/testing\//.test(path))).toEqual([]);
});
