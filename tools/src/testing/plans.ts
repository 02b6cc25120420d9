/** How a database would find what our own code asks it: every statement's plan, taken just before it is run. */
import { z } from "zod";
import type { Db, Tx } from "@tollbooth/shared/db";
import type { Sql } from "@tollbooth/shared/sql";

interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly Plans?: readonly Node[];
}

const PlanRow = z.object({ "QUERY PLAN": z.custom<readonly { Plan: Node }[]>() });
const PLANNED = /^\s*(select|insert|update|delete|with)\b/i;

/** What was asked, and the tables that it reads from end to end. */
export interface Asked {
  readonly query: string;
  readonly whole: readonly string[];
}

/** The same database, which tells `hear` of everything it is asked, inside transactions and outside. */
export function explained(db: Db, hear: (asked: Asked) => void): Db {
  return {
    ...explainedTx(db, hear),
    tx: (work) => db.tx((tx) => work(explainedTx(tx, hear))),
    session: () => db.session(),
    close: () => db.close(),
  };
}

function explainedTx(tx: Tx, hear: (asked: Asked) => void): Tx {
  const explain = async (query: Sql) => {
    if (!PLANNED.test(query.text)) return;
    const explanation = { text: `explain (format json) ${query.text}`, values: query.values };
    const { "QUERY PLAN": plans } = await tx.one(PlanRow, explanation);
    hear({ query: query.text, whole: plans.flatMap(({ Plan }) => wholeTables(Plan)) });
  };
  return {
    run: async (query) => {
      await explain(query);
      return tx.run(query);
    },
    many: async (row, query) => {
      await explain(query);
      return tx.many(row, query);
    },
    maybe: async (row, query) => {
      await explain(query);
      return tx.maybe(row, query);
    },
    one: async (row, query) => {
      await explain(query);
      return tx.one(row, query);
    },
  };
}

function wholeTables(node: Node): string[] {
  const own = node["Node Type"] === "Seq Scan" && node["Relation Name"] !== undefined ? [node["Relation Name"]] : [];
  return [...own, ...(node.Plans ?? []).flatMap(wholeTables)];
}
