import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pack, PARCEL_TYPE, unpack, type Packed } from "./parcel.ts";
import { MESSAGE_MAX_BYTES, type Delivery } from "./streams.ts";

/** Of one to four bytes, and some that JSON writes otherwise; all that Unicode has takes fast-check two seconds to list. */
const letter = fc.constantFrom("a", "é", "€", "😀", '"', "\\", "\u0000");
const anyFact: fc.Arbitrary<Packed> = fc
  .record({ id: fc.uuid(), text: fc.string({ unit: letter, maxLength: 5_000 }), isTraced: fc.boolean() })
  .map(({ id, text, isTraced }) => ({
    headers: {
      "ce-specversion": "1.0",
      "ce-id": id,
      "ce-source": "tollbooth",
      "ce-type": "usage.tracked",
      "content-type": "application/json",
      ...(isTraced && { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }),
    },
    payload: JSON.stringify({ id, text }),
  }));

function message(body: string, type: string): Delivery {
  const headers = { "content-type": type };
  const none = () => {};
  return {
    stream: "USAGE",
    seq: 7,
    storedAtMs: 0,
    subject: "usage.tracked",
    data: Buffer.from(body),
    json: () => JSON.parse(body) as unknown,
    headers,
    trace: {},
    ack: none,
    nak: none,
  };
}

describe("a parcel", () => {
  test("gives back every fact in its order, with its headers, its data and its trace", () => {
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 40 }), (facts) => {
        const sent = pack(facts);
        expect(sent.flatMap((parcel) => parcel.facts)).toEqual(facts);
        const got = sent.flatMap(({ body }) => unpack(message(body, PARCEL_TYPE)));
        expect(got.map(({ headers, data }) => ({ headers, payload: Buffer.from(data).toString() }))).toEqual(facts);
        for (const { headers, trace } of got) expect(trace["traceparent"]).toBe(headers["traceparent"]);
      }),
    );
  });

  test("is never larger than a message may be, unless one fact alone is", () => {
    fc.assert(
      fc.property(fc.array(anyFact, { maxLength: 60 }), (facts) => {
        for (const parcel of pack(facts))
          if (parcel.facts.length > 1) expect(Buffer.byteLength(parcel.body)).toBeLessThan(MESSAGE_MAX_BYTES - 1_024);
      }),
    );
  });

  // prettier-ignore
  test.each([
    ["a fact alone",                        '{"id":"a"}',                "application/json"],
    ["a parcel that is no JSON",            "[{",                        PARCEL_TYPE],
    ["a parcel that is no list",            '{"data":{}}',               PARCEL_TYPE],
    ["a parcel with an attribute no text",  '[{"id":1,"data":{}}]',      PARCEL_TYPE],
  ])("%s is left as it is", (_, body, type) => {
    const came = message(body, type);
    expect(unpack(came)).toEqual([came]);
  });
});
