/** `npm run migrate`: databases, roles, tables and grants on a Postgres that is not ours to start, as a superuser. */
import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { auditSetting, databaseSetting, forEachOwner, OWNERS, rolesOf, type Owner, type Roles } from "./databases.ts";
import { makeDatabases } from "./roles.ts";

const command: Command = new Command("npm run migrate --")
  .description("Makes the services' databases and roles on a Postgres, and brings them up to date. Safe to repeat.")
  .option("--json", "for programs: an object of each service's database and roles")
  .addHelpText(
    "after",
    `
POSTGRES_URL is a superuser's address. The passwords come from the addresses that the services get,
${OWNERS.map(databaseSetting).join(", ")},
and from those that the audit gets,
${OWNERS.map(auditSetting).join(", ")};
without one of these the audit cannot log in there.
npm start does the same for the Postgres that it starts itself.`,
  )
  .parse();
const { json } = command.opts<{ json?: true }>();

try {
  const service = forEachOwner((owner) => passwordIn(databaseSetting(owner), owner, "service"));
  const audit = forEachOwner((owner) =>
    process.env[auditSetting(owner)]
      ? passwordIn(auditSetting(owner), owner, "audit")
      : randomBytes(32).toString("base64url"),
  );
  await makeDatabases(given("POSTGRES_URL"), { service, audit });
  const made = forEachOwner((owner) => rolesOf(owner));
  if (json) console.log(JSON.stringify(made, undefined, 2));
  else for (const { database, ...roles } of Object.values(made)) console.log(`${database}: ${inWords(roles)}`);
} catch (error) {
  command.error((error as Error).message);
}

function given(setting: string): string {
  const value = process.env[setting];
  if (!value) throw new Error(`${setting} is not set: npm run migrate -- --help says what is needed.`);
  return value;
}

/** The password of a role in its address. Throws where the address is another role's, or another database's. */
function passwordIn(setting: string, owner: Owner, kind: "service" | "audit"): string {
  const { username, password, pathname } = new URL(given(setting));
  const { database, [kind]: role } = rolesOf(owner);
  if (username !== role || pathname !== `/${database}` || password === "")
    throw new Error(`${setting} must be of role ${role} with a password, and of database ${database}.`);
  return decodeURIComponent(password);
}

function inWords({ owner, service, audit }: Omit<Roles, "database">): string {
  return `${owner} owns it, ${service} uses it, ${audit} reads it`;
}
