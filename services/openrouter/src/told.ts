/** What an answer of OpenRouter's says of itself, whole or as a stream of events. Pure. */
import { ChatAnswer, Failure, GenerationAnswer } from "./answers.ts";
import type { UsageFacts } from "./bill.ts";
import { readExact } from "./exact-json.ts";

/** What OpenRouter tells instead of a result. */
export interface FailureTold {
  /** HTTP's number, where one is told. */
  readonly status: number;
  readonly message: string;
}

/** As much as an answer says. */
export interface Told {
  readonly generationId: string | undefined;
  /** The one that served. */
  readonly model: string | undefined;
  readonly usage: UsageFacts | undefined;
  readonly failure: FailureTold | undefined;
}

const BAD_GATEWAY = 502;
const NOTHING: Told = { generationId: undefined, model: undefined, usage: undefined, failure: undefined };

/** What a whole answer says; undefined where it cannot be read. */
export function toldIn(text: string): Told | undefined {
  const json = readExact(text);
  const answer = ChatAnswer.safeParse(json).data;
  const failure = failureIn(json);
  if (answer === undefined && failure === undefined) return undefined;
  return {
    generationId: answer?.id ?? undefined,
    model: answer?.model ?? undefined,
    usage: answer?.usage ?? undefined,
    failure,
  };
}

/** The failure that an answer tells of, if it does. */
export function failureIn(json: unknown): FailureTold | undefined {
  const failure = Failure.safeParse(json).data?.error;
  return (
    failure && {
      status: Number(failure.http_status ?? failure.code) || BAD_GATEWAY,
      message: failure.message ?? failure.error_type ?? "",
    }
  );
}

/** A bill that was asked for afterwards; undefined where the answer cannot be read. */
export function billIn(text: string): Told | undefined {
  const bill = GenerationAnswer.safeParse(readExact(text)).data;
  return bill && { ...NOTHING, ...bill };
}

const DONE = "[DONE]";

/**
 * Reads a stream of server-sent events as it comes. Of what is passed on, errors lose the key owner's id, and the last
 * line is held back, because something has to be said before it.
 */
export class EventStream {
  /** What the stream has said so far. */
  told: Told = NOTHING;
  /** Whether it came to its end. */
  isDone = false;
  #rest = "";

  /** Takes what came; answers the lines of it that are whole, to be passed on. */
  take(text: string): string {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.map((line) => this.#read(line)).join("");
  }

  /** The last line: the end that clients wait for. */
  get end(): string {
    return `data: ${DONE}\n\n`;
  }

  #read(line: string): string {
    const data = /^data: ?(.*?)\r?$/.exec(line)?.[1];
    // The empty line after the end belongs to it.
    if (this.isDone) return "";
    if (data === DONE) {
      this.isDone = true;
      return "";
    }
    return `${data === undefined ? line : this.#passOn(data)}\n`;
  }

  #passOn(data: string): string {
    const chunk = toldIn(data);
    if (chunk === undefined) return `data: ${data}`;
    const { generationId, model, usage, failure } = this.told;
    this.told = {
      generationId: generationId ?? chunk.generationId,
      model: chunk.model ?? model,
      usage: chunk.usage ?? usage,
      failure: chunk.failure ?? failure,
    };
    return `data: ${chunk.failure === undefined ? data : withoutOwner(data)}`;
  }
}

function withoutOwner(data: string): string {
  const { user_id: _, ...rest } = JSON.parse(data) as { user_id?: unknown };
  return JSON.stringify(rest);
}
