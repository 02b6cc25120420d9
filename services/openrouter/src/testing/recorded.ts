/** Exchanges with the real OpenRouter as they were recorded: data beside this checkout, for tests alone. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { parse } from "yaml";

const DATA = new URL("../../../../../shared/data/", import.meta.url);
const FOLDER = new URL("openrouter-cassettes/", DATA);

export const areThere = existsSync(FOLDER);
if (!areThere)
  console.log("recorded answers: skipped, there is no shared/data/openrouter-cassettes beside this checkout");

interface Interaction {
  readonly request: { readonly uri: string; readonly parsed_body: RecordedBody };
  readonly response: {
    readonly status: { readonly code: number };
    readonly parsed_body?: Answered;
    readonly body?: { readonly string?: string };
  };
}

/** An answer, or the last event of one, as far as it says what was used. */
export interface Answered {
  readonly model?: string;
  readonly usage?: {
    readonly cost?: number;
    readonly is_byok?: boolean;
    readonly cost_details?: { readonly upstream_inference_cost?: number | null };
    readonly prompt_tokens?: number;
    readonly completion_tokens?: number;
    readonly prompt_tokens_details?: { readonly cached_tokens?: number };
  };
}

/** What was asked. */
export interface RecordedBody {
  readonly model: string;
  readonly models?: readonly string[];
  readonly stream?: boolean;
}

export interface Recorded {
  readonly name: string;
  readonly asked: RecordedBody;
  readonly status: number;
  /** The events of a stream as they came; undefined where the answer was a whole one. */
  readonly stream: string | undefined;
  readonly whole: Answered | undefined;
}

/** All recorded chats. */
export const recorded: readonly Recorded[] = (areThere ? readdirSync(FOLDER) : []).flatMap((file) => {
  const { interactions } = parse(readFileSync(new URL(file, FOLDER), "utf8")) as { interactions: Interaction[] };
  return interactions
    .filter(({ request }) => request.uri.endsWith("/chat/completions"))
    .map(({ request, response }, i) => ({
      name: `${file.replace(".yaml", "")} ${i}`,
      asked: request.parsed_body,
      status: response.status.code,
      stream: response.body?.string,
      whole: response.parsed_body,
    }));
});

/** OpenRouter's list of models as it was recorded. */
export function recordedModels(): readonly { readonly id: string }[] {
  const text = readFileSync(new URL("openrouter-models.json", DATA), "utf8");
  return (JSON.parse(text) as { readonly data: { readonly id: string }[] }).data;
}
