/**
 * How long until an act shows in the balance, on an idle platform of its own: `POST /usage/track` lowers it, and
 * `POST /coupons/redeem` raises it, through outbox, broker and inbox. Counted from the request's first byte to the first
 * answer of `GET /balance` that shows it; the books are audited afterwards. `npm run bench -- latency`.
 */
import { Command } from "commander";
import { createCoupon, redeemCoupon } from "@tollbooth/shared/contracts/coupons";
import { getBalance } from "@tollbooth/shared/contracts/credits";
import { trackUsage } from "@tollbooth/shared/contracts/usage";
import { Rest } from "@tollbooth/tools/demo/rest";
import type { Platform } from "@tollbooth/tools/platform";
import { requireBalanced } from "./parts/balanced.ts";
import { quantile, rounded } from "./parts/numbers.ts";
import { onPlatform } from "./parts/place.ts";
import { tell, withJson, type Told } from "./parts/telling.ts";

const SHOWS_WITHIN_MS = 10_000;
const WARM_UP = 20;

const command = withJson(new Command("npm run bench -- latency"))
  .description("Measures how long until usage and coupons show in the balance of an idle platform.")
  .option("--rounds <number>", "how often each is measured", Number, 200)
  .parse();
const { rounds } = command.opts<{ rounds: number }>();

await onPlatform(async (platform) => {
  const figures = await measure(platform);
  tell(command, figures, toldOf(figures));
});

type Figures = Readonly<Record<string, { min: number; median: number; p99: number; max: number }>>;

async function measure(platform: Platform): Promise<Figures> {
  const rest = new Rest(platform.gatewayUrl);
  const user = { token: await platform.tokenFor("alice", ["user"]) };
  const admin = { token: await platform.tokenFor("admin", ["admin"]) };
  const balance = async () => (await rest.ask(getBalance, {}, user)).balance.toFixed();
  const use = { service: "bench", cost: "0.000001" };
  const coupon = { coupon_type: "credit_bonus", value: "0.01" } as const;

  const track: number[] = [];
  const redeem: number[] = [];
  for (let i = -WARM_UP; i < rounds; i++) {
    const { code } = await rest.ask(createCoupon, coupon, admin);
    const tracked = await shows(balance, async () => rest.ask(trackUsage, use, user));
    const redeemed = await shows(balance, async () => rest.ask(redeemCoupon, { code }, user));
    if (i < 0) continue;
    track.push(tracked);
    redeem.push(redeemed);
  }
  if (rest.repeated > 0) throw new Error("requests had to be sent again: their times say nothing");
  await requireBalanced(platform.auditUrls);
  return { "POST /usage/track": summary(track), "POST /coupons/redeem": summary(redeem) };
}

/** Milliseconds from an act until the balance is another one. */
async function shows(balance: () => Promise<string>, act: () => Promise<unknown>): Promise<number> {
  const before = await balance();
  const begin = performance.now();
  await act();
  // As often as the answer comes: a pause between would be measured too.
  while ((await balance()) === before) {
    if (performance.now() - begin > SHOWS_WITHIN_MS) throw new Error("the balance has not changed in time");
  }
  return performance.now() - begin;
}

function summary(times: readonly number[]): Figures[string] {
  const at = (share: number) => rounded(quantile(times, share), 1);
  return { min: at(0), median: at(0.5), p99: at(0.99), max: at(1) };
}

function toldOf(figures: Figures): Told {
  const head = ["until it shows in the balance, ms", "min", "median", "p99", "max"];
  const rows = Object.entries(figures).map(([name, { min, median, p99, max }]) => [name, min, median, p99, max]);
  const says = `${rounds} rounds each, one after the other. The books balance.`;
  return { head, rows, says };
}
