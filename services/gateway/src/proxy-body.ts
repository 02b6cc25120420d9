/** The body of a request for the proxy: JSON text of at most 8 MB, which its service parses. */
import type { IncomingMessage } from "node:http";
import { BODY_MAX_CHARACTERS } from "@tollbooth/shared/contracts/exchanges";
import { Fault } from "@tollbooth/shared/fault";
import { decode } from "./input.ts";

/** Reads it. Throws `payload_too_large`, `unsupported_media_type`, and `malformed_json` where it is not UTF-8. */
export async function readChatBody(req: IncomingMessage): Promise<string> {
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = req.headers;
  if (!/^application\/json *(;|$)/i.test(type) || encoding !== "identity")
    throw new Fault("unsupported_media_type", "the body must be application/json in UTF-8, not compressed", {
      fix: "send `Content-Type: application/json`",
    });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of whole(req)) {
    bytes += chunk.length;
    if (bytes > BODY_MAX_CHARACTERS)
      throw new Fault("payload_too_large", `the body may have ${BODY_MAX_CHARACTERS} bytes`);
    chunks.push(chunk);
  }
  return decode(Buffer.concat(chunks));
}

/** The body's parts. A client that leaves in the middle is no fault of ours. */
async function* whole(req: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of req) yield chunk as Buffer;
  } catch (cause) {
    throw new Fault("malformed_json", "the body could not be read to its end", { cause });
  }
}
