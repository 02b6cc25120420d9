/**
 * What there is to compare with: the least that an Express gateway before a service on NATS can do. As `gateway` it hands a
 * body to the broker and answers what comes back; as `service` it answers a JSON text of a balance's size.
 */
import { createServer } from "node:http";
import express, { type RequestHandler } from "express";
import { connect } from "nats";

const [role, natsUrl = "", port = ""] = process.argv.slice(2);
const TIMEOUT_MS = 5_000;
const ANSWER_BYTES = 330;

const broker = await connect({ servers: natsUrl, noAsyncTraces: true });
if (role === "service") {
  broker.subscribe("echo", {
    queue: "echo",
    callback: (_, message) => {
      const { text } = JSON.parse(message.string()) as { text: string };
      message.respond(JSON.stringify({ text: text.padEnd(ANSWER_BYTES, ".") }));
    },
  });
} else {
  const app = express().disable("x-powered-by").disable("etag");
  app.post("/echo", express.json(), handOn());
  createServer(app).listen(Number(port), "127.0.0.1");
}

function handOn(): RequestHandler {
  return async (req, res) => {
    const reply = await broker.request("echo", JSON.stringify(req.body), { timeout: TIMEOUT_MS });
    res.type("application/json").send(reply.string());
  };
}
