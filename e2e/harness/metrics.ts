/** What a service counts, from the port that is for it: no address of the API, so no document tells of it. */

/** The text of a service's metrics. */
export async function scrape(port: number): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(5_000) });
  if (answer.status !== 200) throw new Error(`port ${port} answered ${answer.status}`);
  return answer.text();
}
