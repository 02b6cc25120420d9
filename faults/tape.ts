/** What was said on the broker's streams, so that it can be said again: in another order, as new messages, long after. */
import { randomUUID } from "node:crypto";
import type { Bus } from "@tollbooth/shared/bus";
import { streams, type Streams } from "@tollbooth/shared/streams";
import type { Random } from "./random.ts";

export interface Message {
  readonly stream: string;
  readonly subject: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Who may speak on a stream, by its name. */
export type Speakers = ReadonlyMap<string, Streams>;

const KEPT_MAX = 1_000;
/** The streams whose messages have effects. */
const HEARD = [streams.usageReports, streams.usage, streams.coupons];
/** The broker's own words: by them it would know a message again. */
const OF_THE_BROKER = "Nats-";

export class Tape {
  readonly #heard: Message[] = [];
  readonly #speakers: Speakers;

  /** Listens from now on, as one who may. */
  constructor(bus: Bus, speakers: Speakers) {
    this.#speakers = speakers;
    for (const { name: stream, subjects } of HEARD)
      for (const heard of subjects)
        bus.connection.subscribe(heard, {
          callback: (error, message) => {
            if (error !== null) return;
            const { subject, headers } = message;
            const names = headers?.keys().filter((name) => !name.startsWith(OF_THE_BROKER)) ?? [];
            const kept = Object.fromEntries(names.map((name) => [name, headers?.get(name) ?? ""]));
            this.#keep({ stream, subject, headers: kept, body: message.string() });
          },
        });
  }

  /** The last messages of a stream. */
  of(stream: string): readonly Message[] {
    return this.#heard.filter((message) => message.stream === stream);
  }

  /**
   * Says all that is kept again, in another order and under ids that the broker has never heard: as it comes where its
   * window for duplicates is long over. Throws where it takes none of it.
   */
  async sayAgain(random: Random): Promise<void> {
    const said = await Promise.allSettled(random.shuffled(this.#heard).map((message) => this.say(message)));
    if (!said.some(({ status }) => status === "fulfilled")) throw new Error("nothing could be said again");
  }

  /** Says a message, as who may, under a new id. Throws where the broker does not take it. */
  async say({ stream, subject, headers, body }: Message): Promise<void> {
    const speaker = this.#speakers.get(stream);
    if (speaker === undefined) throw new Error(`nobody here may speak on ${stream}`);
    await speaker.publish(stream, subject, randomUUID(), headers, body);
  }

  #keep(message: Message): void {
    this.#heard.push(message);
    if (this.#heard.length > KEPT_MAX) this.#heard.shift();
  }
}
