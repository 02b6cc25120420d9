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

test("compose.scale.yaml has two of every service, and whoever speaks with the broker knows all three", () => {
  const compose = read("compose.scale.yaml");
  const brokers = ["nats", "nats-2", "nats-3"];
  const wanted = [
    `NATS_URL: ${brokers.map((broker) => `nats://${broker}:4222`).join(",")}\n`,
    ...brokers.flatMap((broker) => [`SERVER_NAME: ${broker} }`, `@${broker}:6222\n`]),
    ...OWNERS.map((owner) => `  ${owner}: *two\n`),
    "deploy: { replicas: 2 }\n",
    ...["streams", "gateway", "tools"].map((name) => `  ${name}:\n`),
    "  gateway-2:\n",
    '--replicas, "3"]',
  ];
  expect(wanted.filter((text) => !compose.includes(text))).toEqual([]);
  const told =
    /\n  (?:streams|gateway|gateway-2|tools):\n(?:    .*\n)*?    environment:(?: \*brokers|\n      <<: \*brokers)\n/g;
  expect(compose.match(told)).toHaveLength(4);
});

test("the second gateway of compose.scale.yaml is told what the first is", () => {
  const settings = (file: string, service: string) => {
    const [, rest = ""] = read(file).split(`\n  ${service}:\n`);
    const lines = rest.split(/\n {2}[a-z]/)[0] ?? "";
    return [...lines.matchAll(/^ {6}([A-Z_]+): (.+)$/gm)].map(([, name = "", value = ""]) => `${name}=${value}`);
  };
  const first = settings("compose.yaml", "gateway");
  expect(first.length).toBeGreaterThan(2);
  expect(settings("compose.scale.yaml", "gateway-2")).toEqual(expect.arrayContaining(first));
});

test.each(["compose.yaml", "compose.scale.yaml"])("%s opens no port to other machines by itself", (file) => {
  const ports = [...read(file).matchAll(/ports: \["([^"]+)"\]/g)].map(([, port = ""]) => port);
  expect(ports.length).toBeGreaterThan(0);
  expect(ports.filter((port) => !/^(?:127\.0\.0\.1|\$\{GATEWAY_ADDRESS:-127\.0\.0\.1\}):/.test(port))).toEqual([]);
});

test("the Dockerfile installs for every service", () => {
  const file = read("Dockerfile");
  const wanted = [...SERVICES.map((service) => `services/${service}`), "packages/shared", "tools"];
  expect(wanted.filter((folder) => !file.includes(`COPY ${folder}/package.json ${folder}/`))).toEqual([]);
});
