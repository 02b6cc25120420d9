/** The one place that turns codes into HTTP: refusals leave as application/problem+json (RFC 9457). */
import type { RequestHandler } from "express";
import type { IncomingMessage } from "node:http";
import { Fault, type FaultCode } from "@tollbooth/shared/fault";
import type { Log } from "@tollbooth/shared/log";
import { traceId } from "@tollbooth/shared/telemetry";
import { pathOf } from "./input.ts";
import { send, type Answer } from "./answer.ts";

interface Kind {
  readonly status: number;
  readonly title: string;
  /** What it means and what to do. Of a 5xx it is all that a caller is told. */
  readonly about: string;
}

// prettier-ignore
export const PROBLEMS: Readonly<Record<FaultCode, Kind>> = {
  malformed_json:          { status: 400, title: "The body is not JSON", about: "Send one JSON object in UTF-8." },
  unauthenticated:         { status: 401, title: "Who asks is not known", about: "Send `Authorization: Bearer <token>` with a token that is valid now." },
  insufficient_credits:    { status: 402, title: "There are not enough credits", about: "`required` says what was asked for, `available` what may be spent. Nothing was taken." },
  forbidden:               { status: 403, title: "This is not yours to do", about: "Your role may not do this, or the account is another user's." },
  not_found:               { status: 404, title: "There is no such thing", about: "The address or the thing it names does not exist." },
  method_not_allowed:      { status: 405, title: "This address takes other methods", about: "The `Allow` header names the methods that the address takes." },
  already_redeemed:        { status: 409, title: "The coupon was redeemed before", about: "A coupon is redeemed once by each user." },
  coupon_exists:           { status: 409, title: "There is such a coupon already", about: "Choose another code, or let one be generated." },
  coupon_exhausted:        { status: 409, title: "The coupon is used up", about: "It has been redeemed as often as it may be." },
  coupon_expired:          { status: 410, title: "The coupon has expired", about: "Its time is over." },
  coupon_inactive:         { status: 410, title: "The coupon has been ended", about: "It can no longer be redeemed." },
  idempotency_conflict:    { status: 409, title: "The key was used for something else", about: "An Idempotency-Key or event_id was repeated with other content. Use a new one for a new request." },
  hold_ended:              { status: 409, title: "The hold has ended", about: "A hold ends once: it was captured, released or expired before. Use a new hold_id for a new request." },
  key_refused:             { status: 409, title: "OpenRouter does not take the user's key", about: "It was revoked, or never good. Connect a key that works with POST /openrouter/create-account." },
  unknown_tier:            { status: 422, title: "There is no such tier", about: "`fix` names the tiers there are." },
  idempotency_key_expired: { status: 409, title: "The answer for this key is no longer kept", about: "The request was done more than 7 days ago. It was not done again." },
  payload_too_large:       { status: 413, title: "The body is too large", about: "A body may have 100 KB, a batch of usage events 1 MB." },
  unsupported_media_type:  { status: 415, title: "The body is not in a format that is taken", about: "Send `Content-Type: application/json` in UTF-8." },
  invalid_request:         { status: 422, title: "The request is not valid", about: "`errors` names each field that is wrong and says what it should be." },
  unpriced_model:          { status: 422, title: "The model has no price", about: "State `cost` or `provider_cost`, or have an administrator set the model's price." },
  rate_limited:            { status: 429, title: "Too many requests", about: "Wait as many seconds as `Retry-After` says." },
  internal:                { status: 500, title: "Something went wrong on our side", about: "It has been logged under `trace_id`. A POST may be repeated with the same Idempotency-Key." },
  unavailable:             { status: 503, title: "A part of the platform is away", about: "Try again after as many seconds as `Retry-After` says; a POST with the same Idempotency-Key is done once." },
  overloaded:              { status: 503, title: "The platform has too much to do", about: "Try again after as many seconds as `Retry-After` says; a POST with the same Idempotency-Key is done once." },
  timeout:                 { status: 504, title: "There was no answer in time", about: "Whether it was done is not known. Ask again with the same Idempotency-Key: it is done once." },
};

/** Answers a refusal. Of a 5xx nothing is told but its kind. */
export function sendProblem(res: Answer, fault: Fault, more: object = {}): void {
  const { code } = fault;
  const { status, title, about } = PROBLEMS[code];
  const { facts, fix, errors, retryAfterS = 1 } = fault.more;
  const isOurs = status >= 500;
  if (status === 401) res.setHeader("WWW-Authenticate", challenge(res.req));
  if (status === 429 || status === 503 || status === 504) res.setHeader("Retry-After", String(Math.ceil(retryAfterS)));
  res.locals.code = code;
  const problem = {
    ...(!isOurs && facts),
    type: `/problems/${code}`,
    title,
    status,
    code,
    detail: isOurs ? about : fault.message,
    instance: referenceTo(pathOf(res.req)),
    trace_id: traceId(),
    ...(!isOurs && { fix, errors }),
    ...more,
  };
  send(res, status, "application/problem+json", JSON.stringify(problem));
}

const REFERENCE = /^(?:[\w\-.~!$&'()*+,;=:@/]|%[\da-f]{2})*$/i;

/** An address as it was sent; where it is none (RFC 3986), what is wrong in it is encoded. */
function referenceTo(path: string): string {
  return REFERENCE.test(path) ? path : encodeURI(path);
}

/** The last stop of what was thrown: it is logged if it is our fault, and answered. */
export function refuser(log: Log): (thrown: unknown, res: Answer) => void {
  return (thrown, res) => {
    const fault =
      thrown instanceof URIError
        ? new Fault("not_found", "the path is not valid percent-encoded UTF-8")
        : Fault.from(thrown);
    tell(log, fault);
    if (res.headersSent) res.destroy();
    else sendProblem(res, fault);
  };
}

/**
 * A bug is logged with its stack. While a part is away there are many refusals: each is one short line. Where there is too
 * much to do there are more than can be written: they are counted (metrics.ts).
 */
function tell(log: Log, fault: Fault): void {
  const { cause } = fault.more;
  if (fault.code === "overloaded") return;
  if (fault.code === "internal") log.error({ err: cause ?? fault }, fault.message);
  else if (PROBLEMS[fault.code].status >= 500) log.warn({ code: fault.code, cause: String(cause) }, fault.message);
}

/** The page that a problem's `type` leads to. */
export const problemPage: RequestHandler<{ code: string }> = (req, res) => {
  const { code } = req.params;
  if (!isCode(code)) throw new Fault("not_found", "there is no such problem");
  const { status, title, about } = PROBLEMS[code];
  res.type("text/plain").send(`${status} ${code}\n\n${title}.\n\n${about}\n`);
};

function isCode(text: string): text is FaultCode {
  return Object.hasOwn(PROBLEMS, text);
}

/** RFC 6750: a request without a token is told no error code. */
export function challenge(req: IncomingMessage): string {
  const realm = 'Bearer realm="tollbooth"';
  return req.headers.authorization === undefined ? realm : `${realm}, error="invalid_token"`;
}
