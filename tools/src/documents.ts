/** The documents that are made from the contracts and kept in the repository, so that a change of a contract shows in them. */
import { apiDocument } from "@tollbooth/gateway/documents";
import { commands, events, reports } from "@tollbooth/shared/contracts/all";
import { stringify } from "yaml";
import { asyncapi } from "./asyncapi.ts";

/** Their texts, by their paths in the repository. */
export function documents(): Readonly<Record<string, string>> {
  const words = asyncapi({ commands, events, reports });
  return {
    "docs/openapi.json": `${JSON.stringify(apiDocument(commands), undefined, 2)}\n`,
    "docs/asyncapi.yaml": stringify(words, { aliasDuplicateObjects: false, lineWidth: 120 }),
  };
}
