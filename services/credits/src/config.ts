/** The settings of the credits service. */
import { commonSettings, databaseSettings, metricsSettings, setting, WholeNumber } from "@tollbooth/shared/config";

export const settings = {
  ...commonSettings,
  ...databaseSettings("CREDITS"),
  ...metricsSettings("CREDITS"),
  CREDITS_CLOCK_AHEAD_S: setting(
    "how far the books' clock is ahead of the database's, to show in minutes what takes months; refused in production",
    WholeNumber(0, 400 * 86_400, 0),
  ),
};
