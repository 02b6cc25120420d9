/** Which contract is at an address: most by one look, those with names in their paths by their shape. */

export interface Found<T> {
  readonly value: T;
  /** What stands where the path has `{name}`, decoded. */
  readonly params: Readonly<Record<string, string>>;
}

interface Place<T> {
  readonly method: string;
  /** The path as the contract writes it. */
  readonly path: string;
  readonly shape: RegExp;
  readonly value: T;
}

const PARAMETER = /\{(\w+)\}/g;

export class Routes<T> {
  readonly #fixed = new Map<string, Found<T>>();
  readonly #places: Place<T>[] = [];

  /** The value of requests by this method to this path; `{name}` takes a segment. HEAD is GET without the body. */
  add(method: string, path: string, value: T): void {
    this.#add(method, path, value);
    if (method === "GET") this.#add("HEAD", path, value);
  }

  #add(method: string, path: string, value: T): void {
    if (!path.includes("{")) this.#fixed.set(`${method} ${path}`, { value, params: {} });
    this.#places.push({ method, path, value, shape: new RegExp(`^${path.replaceAll(PARAMETER, "(?<$1>[^/]+)")}$`) });
  }

  /** What a request finds. Throws URIError where a name is not percent-encoded UTF-8. */
  find(method: string, path: string): Found<T> | undefined {
    const fixed = this.#fixed.get(`${method} ${path}`);
    if (fixed !== undefined) return fixed;
    for (const place of this.#places) {
      const match = place.method === method ? place.shape.exec(path) : null;
      if (match === null) continue;
      const params = Object.entries(match.groups ?? {}).map(
        ([name, text]) => [name, decodeURIComponent(text)] as const,
      );
      return { value: place.value, params: Object.fromEntries(params) };
    }
    return undefined;
  }

  /** The path that the contracts write for this one, and the methods that it takes; undefined where nothing is. */
  at(path: string): { path: string; methods: string[] } | undefined {
    const fitting = this.#places.filter(({ shape }) => shape.test(path));
    const [first] = fitting;
    return first && { path: first.path, methods: fitting.map(({ method }) => method) };
  }
}
