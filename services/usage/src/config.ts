/** The settings of the usage service. */
import { commonSettings, databaseSettings, metricsSettings, setting, WholeNumber } from "@tollbooth/shared/config";
import { decimal } from "@tollbooth/shared/money";
import { z } from "zod";

export const settings = {
  ...commonSettings,
  ...databaseSettings("USAGE"),
  ...metricsSettings("USAGE"),
  // Not below 4: a repeat of an event finds the first one for 100 days.
  USAGE_RETENTION_MONTHS: setting(
    "months for which each event is kept; its sums are kept for ever",
    WholeNumber(4, 1200, 24),
  ),
  USAGE_BYOK_FEE_RATE: setting(
    "share of the provider's cost that the platform takes where a user's own key paid, such as 0.05",
    z
      .string()
      .regex(/^0(\.\d{1,4})?$/, "a rate from 0 to 0.9999")
      .default("0")
      .transform((text) => decimal(text)),
  ),
};
