/** JSON whose numbers stay the texts that they were, so that no amount passes through a float. Pure. */
import { parse } from "lossless-json";

/** The value of a JSON text, its numbers as texts; undefined where it is none. */
export function readExact(text: string): unknown {
  try {
    return parse(text, undefined, (number) => number);
  } catch {
    return undefined;
  }
}
