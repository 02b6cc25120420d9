/** The fake OpenRouter in a process of its own, on a port. */
import { startFakeOpenRouter } from "@tollbooth/openrouter/fake";

const [port] = process.argv.slice(2);
await startFakeOpenRouter(Number(port));
