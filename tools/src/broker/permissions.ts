/**
 * Who may do what on the broker, generated from the contracts, the streams and one row a service. A service has no right
 * that is not written here: one that is new needs its row, and what it asks of others belongs into it.
 */
import type { Command } from "@tollbooth/shared/contract";
import { commands, events } from "@tollbooth/shared/contracts/all";
import { explainUsage } from "@tollbooth/shared/contracts/explain";
import { checkBalance } from "@tollbooth/shared/contracts/credits";
import { listModels, openExchange, takeExchange } from "@tollbooth/shared/contracts/exchanges";
import { captureHold, createHold, releaseHold } from "@tollbooth/shared/contracts/holds";
import { getPrice, importPrices, quoteCost } from "@tollbooth/shared/contracts/prices";
import { trackUsage, usageEventOutcomes } from "@tollbooth/shared/contracts/usage";
import { freeModel, modelMarkup, routeChat } from "@tollbooth/shared/contracts/openrouter";
import { inboxOf } from "@tollbooth/shared/nkeys";
import { streams, type Stream } from "@tollbooth/shared/streams";
import type { Service } from "../service.ts";

/** What a user may publish and where he may listen: subjects, and `subject queue` where he may only share the listening. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** He may answer what he was asked, once each. */
  readonly answers: boolean;
}

interface Row {
  /** What it asks of other services. How its own facts fared it may ask anyway: that follows from what it owns. */
  readonly asks?: readonly Command[];
  /** The streams that it tells its facts on, or has its reports in. An operator makes them: streams.ts. */
  readonly owns?: readonly Stream[];
  /** The streams that it reads, and its name there. */
  readonly reads?: readonly { readonly stream: Stream; readonly durable: string; readonly subject: string }[];
}

/** Only the gateway asks in people's names: whatever has a route, and what its proxy carries. */
const ROUTED = Object.values(commands)
  .flat()
  .filter(({ http, access }) => http !== undefined && access !== "internal");

// prettier-ignore
export const ROWS: Readonly<Record<Service, Row>> = {
  gateway: { asks: [...ROUTED, checkBalance, listModels, openExchange, takeExchange] },
  credits: { asks: [explainUsage], owns: [streams.credits], reads: [confirmed(streams.usage), confirmed(streams.coupons)] },
  usage:   { owns: [streams.usageReports, streams.usage], reads: [{ stream: streams.usageReports, durable: "usage", subject: streams.usageReports.subjects[0] }] },
  coupons: { owns: [streams.coupons] },
  openrouter: { asks: [checkBalance, createHold, getPrice, importPrices, quoteCost, releaseHold, trackUsage] },
};

/** Whoever looks after the platform: he asks everything and sees every fact, and makes or answers none. */
export const OPERATOR = "operator";

/** A service of the platform's that is not Tollbooth's own: it sets credits aside, asks prices, sends chats on users' keys. */
export const INTEGRATOR = "integrator";

/** What it tells of use it reports as a reporter: here it could name any source. */
// prettier-ignore
const INTEGRATOR_ASKS = [
  checkBalance, createHold, captureHold, releaseHold,
  getPrice, quoteCost,
  freeModel, modelMarkup, routeChat,
];

/** The permissions of our services, of the operator and of the integrator, by their names. */
export function ourUsers(): ReadonlyMap<string, Permissions> {
  const services = Object.entries(ROWS).map(([service, row]) => [service, serviceMay(service, row)] as const);
  return new Map([...services, [OPERATOR, operatorMay()], [INTEGRATOR, integratorMay()]]);
}

function integratorMay(): Permissions {
  return {
    publish: INTEGRATOR_ASKS.map(({ subject }) => subject),
    subscribe: [inboxSubject(INTEGRATOR)],
    answers: false,
  };
}

/** The name of the user that reports usage as this source. */
export function reporterName(source: string): string {
  return `reporter-${source}`;
}

/** A reporter tells what was used, as one source, and asks what became of it. */
export function reporterMay(source: string): Permissions {
  const subject = streams.usageReports.subjects[0].replace("*", source);
  return {
    publish: [subject, usageEventOutcomes.subject],
    subscribe: [inboxSubject(reporterName(source))],
    answers: false,
  };
}

function serviceMay(service: string, { asks = [], owns = [], reads = [] }: Row): Permissions {
  // The gateway alone has no words of its own: it answers HTTP.
  const answered = service in commands;
  const outcomes = owns.flatMap(({ confirmedBy }) => (confirmedBy === undefined ? [] : [confirmedBy]));
  const pinged = service === "gateway" ? Object.keys(commands).map((name) => `$SRV.PING.${name}`) : [];
  const facts = answered ? events[service as keyof typeof events] : [];
  return {
    publish: [
      ...[...asks, ...outcomes.map((by) => by.outcomes)].map(({ subject }) => subject),
      ...pinged,
      ...facts.map(({ subject }) => subject),
      ...owns.flatMap(streamApi),
      ...reads.flatMap(consumerApi),
    ],
    subscribe: [
      inboxSubject(service),
      // Never but in the queue: who listened beside it would hear every question, and could answer it first.
      ...(answered ? [`${service}.> ${service}`, "$SRV.*", `$SRV.*.${service}`, `$SRV.*.${service}.*`] : []),
    ],
    answers: answered,
  };
}

function operatorMay(): Permissions {
  const asked = Object.values(commands).flat();
  const facts = Object.values<Stream>(streams).flatMap(({ subjects }) => subjects);
  return {
    // A report is no fact yet: he may bring those that a reporter has lost its key for.
    publish: [...asked.map(({ subject }) => subject), ...streams.usageReports.subjects, "$SRV.>", "$JS.API.>"],
    subscribe: [inboxSubject(OPERATOR), ...facts],
    answers: false,
  };
}

/**
 * A stream is looked at by its owner, and so is its reader by the confirmer. Whoever might make it could also have it take in
 * what others ask, and send that on.
 */
function streamApi({ name, confirmedBy }: Stream): string[] {
  const looks = confirmedBy === undefined ? [] : [`$JS.API.CONSUMER.INFO.${name}.${confirmedBy.durable}`];
  return [`$JS.API.STREAM.INFO.${name}`, ...looks];
}

/**
 * A message is acknowledged as an answer to it, once. With a right to `$JS.ACK` beside that, the broker would never strike
 * out the answer that it also allows, and look through all of them at every message: most of its time, measured.
 */
function consumerApi({ stream: { name }, durable }: NonNullable<Row["reads"]>[number]): string[] {
  return [`$JS.API.CONSUMER.INFO.${name}.${durable}`, `$JS.API.CONSUMER.MSG.NEXT.${name}.${durable}`];
}

function confirmed(stream: Stream & Required<Pick<Stream, "confirmedBy">>) {
  return { stream, durable: stream.confirmedBy.durable, subject: stream.subjects[0] };
}

function inboxSubject(user: string): string {
  return `${inboxOf(user)}.>`;
}
