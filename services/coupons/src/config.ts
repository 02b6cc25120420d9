/** The settings of the coupons service. */
import { commonSettings, databaseSettings, metricsSettings } from "@tollbooth/shared/config";

export const settings = { ...commonSettings, ...databaseSettings("COUPONS"), ...metricsSettings("COUPONS") };
