/** The broker's own file of its users: public keys and permissions, nothing that has to be hidden. */
import type { Permissions } from "./permissions.ts";

export interface BrokerUser {
  readonly name: string;
  readonly publicKey: string;
  readonly may: Permissions;
}

/** As long as a request may wait at most (REQUEST_TIMEOUT_MS): a later answer reaches nobody. */
const ANSWER_WITHIN = "120s";
const ANSWERS_MAX = 1;

/** The file, to be included by the broker's configuration. Who is not in it is refused. */
export function printUsers(users: readonly BrokerUser[]): string {
  return `# Made from the contracts and tools/src/broker/permissions.ts: what is changed here is lost.
authorization {
  users: [
${users.map(printUser).join("\n")}
  ]
}
`;
}

function printUser({ name, publicKey, may }: BrokerUser): string {
  const answers = may.answers ? `,\n        allow_responses: { max: ${ANSWERS_MAX}, expires: "${ANSWER_WITHIN}" }` : "";
  return `    # ${name}
    {
      nkey: ${publicKey},
      permissions: {
        publish: { allow: ${printList(may.publish)} },
        subscribe: { allow: ${printList(may.subscribe)} }${answers}
      }
    }`;
}

function printList(subjects: readonly string[]): string {
  return `[${subjects.map((subject) => `\n          ${JSON.stringify(subject)}`).join("")}\n        ]`;
}
