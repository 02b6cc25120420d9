/** The metrics that the runbook tells of. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../checkout.ts";
import { SERVICES, type Service } from "../service.ts";

export interface Documented {
  readonly name: string;
  /** The processes that tell it. */
  readonly whose: readonly Service[];
  readonly labels: readonly string[];
}

const ROW = /^\| `(?<name>[a-z_]+)` \| (?<whose>[a-z, ]+?) \| (?<labels>(?:`\w+`(?:, )?)*) ?\|/gm;

/** The rows of the runbook's table of metrics, but for those of the process itself. */
export function documentedMetrics(): Documented[] {
  const [, section = ""] = readFileSync(join(ROOT, "docs/OPERATIONS.md"), "utf8").split("\n## Metrics\n");
  return [...section.matchAll(ROW)].map(({ groups: { name = "", whose = "", labels = "" } = {} }) => ({
    name,
    whose: whose === "all" ? SERVICES : SERVICES.filter((service) => whose.split(", ").includes(service)),
    labels: [...labels.matchAll(/\w+/g)].map(([label]) => label),
  }));
}

/** What counts the process itself, and is Node's and the kernel's. */
export const OF_THE_PROCESS = /^(?:process|nodejs)_/;

/** The names of the metrics in a text of Prometheus' format, whether or not they have a value. */
export function namesIn(text: string): string[] {
  return [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name = ""]) => name);
}
