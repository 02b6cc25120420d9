/** The settings of the coupons service. */
import { commonSettings, databaseSettings } from "@tollbooth/shared/config";

export const settings = { ...commonSettings, ...databaseSettings("COUPONS") };
