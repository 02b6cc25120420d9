/** The settings of the credits service. */
import { commonSettings, databaseSettings } from "@tollbooth/shared/config";

export const settings = { ...commonSettings, ...databaseSettings("CREDITS") };
