/** Harms of every kind, by a seed: several at a time, wave after wave, while clients, a reporter and chatters are at work. */
import { Deck } from "./deck.ts";
import type { Harm } from "./harms.ts";
import { watch, type Seen, type Storm } from "./scenario.ts";
import type { World } from "./world.ts";

const AT_ONCE_MAX = 3;
/** Before the next wave so many requests are answered at most: mostly it comes before all is whole again. */
const ANSWERS_MAX = 30;
/** After so many waves requests and reports have to be answered again before the next. */
const WAVES_ON_END = 3;
const FLOWING = 5;

export interface Siege {
  readonly seed: number;
  readonly harms: readonly Harm[];
  /** Whether another wave comes, after so many. */
  readonly goesOn: (waves: number) => boolean;
}

/** Lays siege to a platform. Which harms come, when and together is the seed's; what they meet is not. */
export async function besiege(world: World, { seed, harms, goesOn }: Siege): Promise<Seen> {
  const waves = async ({ traffic, random, inject }: Storm) => {
    const deck = new Deck(harms, random);
    for (let wave = 0; goesOn(wave); wave++) {
      const dealt = deck.deal(random.whole(1, AT_ONCE_MAX)).map((harm) => ({ harm, own: random.fork() }));
      // Where one has just taken down what another would harm, there is nothing to harm.
      await Promise.all(dealt.map(({ harm, own }) => inject(harm.name, () => harm.to(world, own)).catch(missed(harm))));
      await traffic.answers(random.whole(0, ANSWERS_MAX));
      if (wave % WAVES_ON_END === WAVES_ON_END - 1) await traffic.flows(FLOWING);
    }
  };
  return watch(world, "siege", seed, waves, true);
}

function missed({ name }: Harm): (error: Error) => void {
  return (error) => console.log(`  no fault   ${name}: ${error.message}`);
}
