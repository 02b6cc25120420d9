import { expect, test } from "vitest";
import { Routes } from "./routes.ts";

const routes = new Routes<string>();
routes.add("GET", "/coupons", "list");
routes.add("POST", "/coupons/redeem", "redeem");
routes.add("DELETE", "/coupons/{code}", "end");
routes.add("GET", "/users/{user}/lines/{line}", "line");

// prettier-ignore
test.each([
  ["GET",    "/coupons",               { value: "list", params: {} }],
  ["POST",   "/coupons/redeem",        { value: "redeem", params: {} }],
  ["DELETE", "/coupons/redeem",        { value: "end", params: { code: "redeem" } }],
  ["DELETE", "/coupons/a%2Fb",         { value: "end", params: { code: "a/b" } }],
  ["GET",    "/users/a/lines/7",       { value: "line", params: { user: "a", line: "7" } }],
  ["POST",   "/coupons",               undefined],
  ["DELETE", "/coupons/a/b",           undefined],
  ["DELETE", "/coupons/",              undefined],
  ["GET",    "/coupons/",              undefined],
  ["GET",    "/Coupons",               undefined],
  ["GET",    "x/coupons",              undefined],
])("%s %s finds its own contract and no other", (method, path, found) => {
  expect(routes.find(method, path)).toEqual(found);
});

test("an address tells all the methods of the routes that fit it", () => {
  expect(routes.at("/coupons/redeem")).toEqual({ path: "/coupons/redeem", methods: ["POST", "DELETE"] });
  expect(routes.at("/coupons/other")).toEqual({ path: "/coupons/{code}", methods: ["DELETE"] });
  expect(routes.at("/nothing")).toBeUndefined();
});

test("a name that is not percent-encoded UTF-8 is no address", () => {
  expect(() => routes.find("DELETE", "/coupons/%ff")).toThrow(URIError);
});
