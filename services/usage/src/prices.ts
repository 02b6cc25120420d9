/** The prices of this process: a copy of the catalogue that is as new as the transaction that uses it. */
import { waitForUpdate } from "@pydantic/genai-prices";
import type { Db, Tx } from "@tollbooth/shared/db";
import { Catalogue } from "./catalogue.ts";
import { newlyListed } from "./price-change.ts";
import { listedPrices, platformPrices } from "./price-list.ts";
import type { NewPrice, Price } from "./price.ts";
import { addPrices, lockVersion, readPrices, readVersion } from "./prices.store.ts";

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

  /** Takes over what the public list and our own say anew. Safe to repeat, and by every replica. */
  async seed(db: Db, now: number): Promise<Price[]> {
    // The package's way to give its bundled list; nothing is fetched unless it is told to.
    const providers = (await waitForUpdate()) ?? [];
    const listed = [...listedPrices(providers), ...platformPrices()];
    return db.tx((tx) => this.change(tx, (catalogue) => newlyListed(listed, catalogue, now)));
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
