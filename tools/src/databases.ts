/** The databases of the services in one Postgres, and the three roles of each, which may enter no other. */

/** The services that have a database. */
export const OWNERS = ["credits", "usage", "coupons", "openrouter"] as const;
export type Owner = (typeof OWNERS)[number];

/** A record with something of every owner. */
export function forEachOwner<T>(make: (owner: Owner) => T): Record<Owner, T> {
  return Object.fromEntries(OWNERS.map((owner) => [owner, make(owner)])) as Record<Owner, T>;
}

/** The setting that gives a service's database. */
export function databaseSetting(owner: Owner): string {
  return `${owner.toUpperCase()}_DATABASE_URL`;
}

/** The setting that gives the same database to one who only reads. */
export function auditSetting(owner: Owner): string {
  return `${owner.toUpperCase()}_AUDIT_URL`;
}

/** The names of a service's database and of its roles. */
export interface Roles {
  readonly database: string;
  /** Owns the tables and migrates them. Nobody logs in as it: a superuser takes its part. */
  readonly owner: string;
  /** The running service: uses the tables, and may not change what they are. */
  readonly service: string;
  /** Reads everything and changes nothing. */
  readonly audit: string;
}

export const PREFIX = "tollbooth";

/** The names of an owner's database and roles. */
export function rolesOf(owner: Owner, prefix = PREFIX): Roles {
  const name = `${prefix}_${owner}`;
  return { database: name, owner: `${name}_owner`, service: name, audit: `${name}_audit` };
}

/** What the two roles that log in are let in by. */
export interface Passwords {
  readonly service: Readonly<Record<Owner, string>>;
  readonly audit: Readonly<Record<Owner, string>>;
}

/** The addresses of each service's database. */
export interface DatabaseUrls {
  /** As the service. */
  readonly databaseUrls: Readonly<Record<Owner, string>>;
  /** As one who only reads. */
  readonly auditUrls: Readonly<Record<Owner, string>>;
}

/** The addresses of the databases on a server. */
export function databaseUrlsOf(serverUrl: string, passwords: Passwords, prefix = PREFIX): DatabaseUrls {
  const as = (kind: keyof Passwords) =>
    forEachOwner((owner) => {
      const { database, [kind]: role } = rolesOf(owner, prefix);
      const url = new URL(serverUrl);
      [url.username, url.password, url.pathname] = [role, passwords[kind][owner], `/${database}`];
      return url.href;
    });
  return { databaseUrls: as("service"), auditUrls: as("audit") };
}
