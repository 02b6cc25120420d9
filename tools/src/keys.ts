/** `npm run keys`: the users of a broker that is not started here, such as one in a container. */
import { Command } from "commander";
import { openUsers } from "./broker/keys.ts";

const command: Command = new Command("npm run keys --")
  .description("Makes the keys of the broker's users that are not there yet, and the file of users that it reads.")
  .requiredOption("--folder <path>", "where they are kept")
  .parse();
const { folder } = command.opts<{ folder: string }>();
console.log(await openUsers(folder).catch((error: Error) => command.error(error.message)));
