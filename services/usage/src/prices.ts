/** The prices of this process: a copy of the catalogue that is as new as the transaction that uses it. */
import type { Db, Tx } from "@tollbooth/shared/db";
import { Catalogue } from "./catalogue.ts";
import { newlyListed } from "./price-change.ts";
import { LIST, listedPrices, platformPrices } from "./price-list.ts";
import type { NewPrice, Price } from "./price.ts";
import { addPrices, lockVersion, noteListed, readListed, readPrices, readVersion } from "./prices.store.ts";

export class Prices {
  readonly #newId: () => string;
  #copy = new Catalogue(-1n, []);

  constructor(newId: () => string) {
    this.#newId = newId;
  }

  /** The catalogue as this transaction sees it: all replicas price alike. */
  async current(tx: Tx): Promise<Catalogue> {
    return this.#at(tx, await readVersion(tx));
  }

  /** Takes over what the public list and our own say anew, and reads all prices. Safe to repeat, and by every replica. */
  async seed(db: Db, now: number): Promise<Price[]> {
    if ((await readListed(db)) === LIST) {
      // So that the first event need not wait for it.
      await this.current(db);
      return [];
    }
    // Loaded only where it is needed: it is large.
    const { waitForUpdate } = await import("@pydantic/genai-prices");
    // The package's way to give its bundled list; nothing is fetched unless it is told to.
    const providers = await waitForUpdate();
    if (providers === null || providers.length === 0) throw new Error("@pydantic/genai-prices gives no list of prices");
    const listed = [...listedPrices(providers), ...platformPrices()];
    return db.tx(async (tx) => {
      const added = await this.change(tx, (catalogue) => newlyListed(listed, catalogue, now));
      await noteListed(tx, LIST);
      return added;
    });
  }

  /** Adds the rows that `decide` makes of the catalogue; answers them. One change at a time, whichever process makes it. */
  async change(tx: Tx, decide: (catalogue: Catalogue) => readonly NewPrice[]): Promise<Price[]> {
    const catalogue = await this.#at(tx, await lockVersion(tx));
    const added = decide(catalogue).map((price) => ({ ...price, id: this.#newId() }));
    await addPrices(tx, added);
    return added;
  }

  async #at(tx: Tx, version: bigint): Promise<Catalogue> {
    if (this.#copy.version < version) this.#copy = new Catalogue(version, await readPrices(tx));
    return this.#copy;
  }
}
