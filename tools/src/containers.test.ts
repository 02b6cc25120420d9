/** What is run in containers and looked at from outside keeps up with what there is. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./checkout.ts";
import { OWNERS } from "./databases.ts";
import { SERVICES } from "./service.ts";

const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

test("compose.yaml has every service, its seed and its database", () => {
  const compose = read("compose.yaml");
  const wanted = [
    ...SERVICES.flatMap((service) => [`FOLDER: services/${service} `, `["${service}-seed:/keys:ro"]`]),
    ...OWNERS.flatMap((owner) => [`${owner.toUpperCase()}_DATABASE_URL:`, `${owner.toUpperCase()}_AUDIT_URL:`]),
  ];
  expect(wanted.filter((text) => !compose.includes(text))).toEqual([]);
});

test("compose.yaml opens no port to other machines by itself", () => {
  const ports = [...read("compose.yaml").matchAll(/ports: \["([^"]+)"\]/g)].map(([, port = ""]) => port);
  expect(ports.length).toBeGreaterThan(0);
  expect(ports.filter((port) => !/^(?:127\.0\.0\.1|\$\{GATEWAY_ADDRESS:-127\.0\.0\.1\}):/.test(port))).toEqual([]);
});

test("the Dockerfile installs for every service", () => {
  const file = read("Dockerfile");
  const wanted = [...SERVICES.map((service) => `services/${service}`), "packages/shared", "tools"];
  expect(wanted.filter((folder) => !file.includes(`COPY ${folder}/package.json ${folder}/`))).toEqual([]);
});
