/** OpenRouter, as these tests have it: a fake one behind a line, in whatever mood it is. */
import { setTimeout as pause } from "node:timers/promises";
import type { RequestWord } from "../services/openrouter/src/fake-chat.ts";
import { startFakeOpenRouter, type FakeOpenRouter } from "../services/openrouter/src/fake.ts";
import { Line } from "./line.ts";

/** What it does with chats: words to the fake one. */
export type Mood = RequestWord | `${RequestWord} ${RequestWord}` | "";

export class Provider {
  readonly fake: FakeOpenRouter;
  readonly line: Line;
  /** Users' own keys that are good. */
  readonly keys = new Set<string>();
  mood: Mood = "";

  static async open(): Promise<Provider> {
    const fake = await startFakeOpenRouter();
    return new Provider(fake, await Line.to(fake.url));
  }

  private constructor(fake: FakeOpenRouter, line: Line) {
    this.fake = fake;
    this.line = line;
  }

  /** What the platform is told of it. */
  get settings(): NodeJS.ProcessEnv {
    return { OPENROUTER_BASE_URL: this.line.at(this.fake.url), OPENROUTER_API_KEY: "sk-or-v1-managed" };
  }

  /** Misbehaves for a while. */
  async misbehave(mood: Mood, forMs: number): Promise<void> {
    this.mood = mood;
    await pause(forMs);
    this.mood = "";
  }

  /** No longer takes any of users' own keys. Throws where there is none. */
  async revokeKeys(): Promise<void> {
    if (this.keys.size === 0) throw new Error("no user has connected a key");
    for (const key of this.keys) {
      const answer = await fetch(`${this.fake.url}/key`, {
        method: "DELETE",
        headers: { authorization: `Bearer ${key}` },
      });
      if (!answer.ok) throw new Error(`the fake OpenRouter answers ${answer.status}`);
      this.keys.delete(key);
    }
  }

  async close(): Promise<void> {
    await this.line.close();
    await this.fake.close();
  }
}
