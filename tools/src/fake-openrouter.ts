/** `npm run fake-openrouter`: an OpenRouter that costs nothing, until Ctrl-C. */
import { Command, InvalidArgumentError, Option } from "commander";
import { FAKE_KEY_WORDS, FAKE_REQUEST_WORDS, startFakeOpenRouter } from "@tollbooth/openrouter/fake";

const command: Command = new Command("npm run fake-openrouter --")
  .description(
    "Starts a fake OpenRouter and prints its address, for OPENROUTER_BASE_URL of npm start. Ctrl-C stops it.",
  )
  .addOption(new Option("--port <number>", "its port on 127.0.0.1").argParser(portNumber).default(0, "a free one"))
  .parse();

const { url } = await startFakeOpenRouter(command.opts<{ port: number }>().port).catch((error: Error) =>
  command.error(error.message),
);
const words = Object.entries(FAKE_KEY_WORDS).map(([word, does]) => `  sk-or-v1-${word}-12345678`.padEnd(36) + does);
const requestWords = Object.entries(FAKE_REQUEST_WORDS).map(([word, does]) => `  ${word}`.padEnd(36) + does);
console.log(`A fake OpenRouter is at ${url}

  OPENROUTER_BASE_URL=${url} npm start

It takes every key that begins with sk-or-v1-, with 100 dollars on it. These are special:

${words.join("\n")}

A request whose "user" has one of these words is special too:

${requestWords.join("\n")}
`);

function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError("A port is 0 to 65535.");
  return port;
}
