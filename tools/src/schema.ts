/** What a database says of itself: tables, views and functions with their comments, rules and grants, read from its catalogue. */
import { z } from "zod";
import type { Tx } from "@tollbooth/shared/db";
import { sql } from "@tollbooth/shared/sql";
import type { Roles } from "./databases.ts";

const Column = z.object({
  name: z.string(),
  type: z.string(),
  is_null: z.boolean(),
  preset: z.string().nullable(),
  comment: z.string().nullable(),
});

const Table = z.object({
  name: z.string(),
  is_view: z.boolean(),
  comment: z.string().nullable(),
  columns: z.array(Column),
  /** Keys and checks, as they would be written. */
  rules: z.array(z.object({ kind: z.enum(["p", "u", "f", "c"]), text: z.string() })),
  /** The tables that foreign keys name, with the columns that do. */
  references: z.array(z.object({ table: z.string(), columns: z.array(z.string()) })),
  key: z.array(z.string()),
  /** Those that hold no key of the table. */
  indexes: z.array(z.object({ name: z.string(), text: z.string() })),
  triggers: z.array(z.object({ name: z.string(), text: z.string() })),
  /** What the running service may do. */
  service: z.array(z.string()),
  audit: z.array(z.string()),
});
export type Table = z.output<typeof Table>;

const Routine = z.object({
  name: z.string(),
  comment: z.string().nullable(),
  is_of_owner: z.boolean(),
  is_trigger: z.boolean(),
});
export type Routine = z.output<typeof Routine>;

export interface Schema {
  readonly tables: readonly Table[];
  readonly routines: readonly Routine[];
}

const COLUMNS = sql`
  select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'is_null', not a.attnotnull,
    'preset', case when a.attidentity <> '' then 'counted' else pg_get_expr(d.adbin, d.adrelid) end, 'comment', col_description(c.oid, a.attnum)) order by a.attnum)
  from pg_attribute a left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped`;

const NAMES_OF = sql`select json_agg(a.attname order by k.n) from unnest(r.conkey) with ordinality as k (num, n)
  join pg_attribute a on a.attrelid = r.conrelid and a.attnum = k.num`;

const RIGHTS = sql`select coalesce(json_agg(lower(g.privilege_type) order by array_position('{SELECT,INSERT,UPDATE,DELETE}', g.privilege_type)), '[]')
  from aclexplode(c.relacl) g join pg_roles r on r.oid = g.grantee`;

/** Reads the schema of a database; partitions are part of their table. */
export async function readSchema(tx: Tx, { service, audit }: Roles): Promise<Schema> {
  const tables = await tx.many(
    Table,
    sql`select c.relname as name, c.relkind = 'v' as is_view, obj_description(c.oid, 'pg_class') as comment,
          (${COLUMNS}) as columns,
          (select coalesce(json_agg(json_build_object('kind', r.contype, 'text', pg_get_constraintdef(r.oid, true))
              order by array_position('{p,u,f,c}', r.contype::text), r.conname), '[]')
            from pg_constraint r where r.conrelid = c.oid and r.contype in ('p', 'u', 'f', 'c')) as rules,
          (select coalesce(json_agg(json_build_object('table', r.confrelid::regclass::text, 'columns', (${NAMES_OF})) order by r.conname), '[]')
            from pg_constraint r where r.conrelid = c.oid and r.contype = 'f') as references,
          coalesce((select (${NAMES_OF}) from pg_constraint r where r.conrelid = c.oid and r.contype = 'p'), '[]') as key,
          (select coalesce(json_agg(json_build_object('name', i.indexrelid::regclass::text, 'text', pg_get_indexdef(i.indexrelid)) order by i.indexrelid::regclass::text), '[]')
            from pg_index i where i.indrelid = c.oid and not exists (select from pg_constraint r where r.conindid = i.indexrelid and r.conrelid = c.oid)) as indexes,
          (select coalesce(json_agg(json_build_object('name', t.tgname, 'text', pg_get_triggerdef(t.oid, true)) order by t.tgname), '[]')
            from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal) as triggers,
          (${RIGHTS} where r.rolname = ${service}) as service,
          (${RIGHTS} where r.rolname = ${audit}) as audit
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
        order by c.relkind = 'v', c.oid`,
  );
  const routines = await tx.many(
    Routine,
    sql`select proname as name, obj_description(oid, 'pg_proc') as comment, prosecdef as is_of_owner, prorettype = 'trigger'::regtype as is_trigger
        from pg_proc where pronamespace = 'public'::regnamespace order by proname`,
  );
  return { tables, routines };
}
