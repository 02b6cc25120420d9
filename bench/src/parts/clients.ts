/** The yardstick's deduction where there is no pgbench: so many plain clients, one transaction each at a time. Prints how many a second. */
import { randomInt, randomUUID } from "node:crypto";
import pg from "pg";

const [url = "", clients = "", users = "", seconds = ""] = process.argv.slice(2);

const LOCK = { name: "lock", text: "select balance from accounts where user_id = $1 for update" };
const TAKE = { name: "take", text: "update accounts set balance = balance - 0.000001 where user_id = $1" };
const NOTE = { name: "note", text: "insert into lines (user_id, amount) values ($1, -0.000001)" };
const KEY = { name: "key", text: "insert into keys (user_id, key) values ($1, $2)" };

let count = 0;
const begin = performance.now();
const end = begin + Number(seconds) * 1000;
await Promise.all(Array.from({ length: Number(clients) }, ask));
console.log((count / (performance.now() - begin)) * 1000);

async function ask(): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  for (; performance.now() < end; count++) {
    const userId = `user-${randomInt(1, Number(users) + 1)}`;
    await client.query("begin");
    await client.query({ ...LOCK, values: [userId] });
    await client.query({ ...TAKE, values: [userId] });
    await client.query({ ...NOTE, values: [userId] });
    await client.query({ ...KEY, values: [userId, randomUUID()] });
    await client.query("commit");
  }
  await client.end();
}
