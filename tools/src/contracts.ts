/** `npm run contracts`: writes anew what is made from the contracts. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./checkout.ts";
import { documents } from "./documents.ts";

for (const [path, text] of Object.entries(documents())) {
  writeFileSync(join(ROOT, path), text);
  console.log(path);
}
