import { expect, test } from "vitest";
import { network } from "./limits.ts";

// prettier-ignore
test.each([
  ["192.0.2.7",                              "192.0.2.7"],
  ["::ffff:192.0.2.7",                       "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6",                   "2001:db8:1:2"],
  ["2001:db8:1:2::9",                        "2001:db8:1:2"],
  ["2001:db8::9",                            "2001:db8:0:0"],
  ["2001:db8::1:2:3:4:5",                    "2001:db8:0:1"],
  ["::1",                                    "0:0:0:0"],
  ["::",                                     "0:0:0:0"],
  ["",                                       "0:0:0:0"],
])("one subscriber is one address: %s counts as %s", (address, counted) => {
  expect(network(address)).toBe(counted);
});
