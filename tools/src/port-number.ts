/** A port that a person types. */
import { InvalidArgumentError } from "commander";

/** The number of a port. Throws commander's own complaint about what is none. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new InvalidArgumentError("A port is 1 to 65535.");
  return port;
}
