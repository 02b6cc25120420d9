/** What the API's document says can be asked, read as a stranger would read it. */
import { commands } from "@tollbooth/shared/contracts/all";
import { apiDocument } from "../../services/gateway/src/documents.ts";

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required?: boolean;
  readonly schema: Schema;
  readonly example?: unknown;
}

export interface Operation {
  readonly name: string;
  readonly method: string;
  /** As the document writes it, with its `{names}`. */
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | undefined;
  readonly example: unknown;
  /** Whether nobody gets it without a token. */
  readonly needsToken: boolean;
}

interface Content {
  readonly schema: Schema;
  readonly example?: unknown;
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}
interface Told {
  readonly operationId: string;
  readonly parameters?: readonly (Parameter | { readonly $ref: string })[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly security: readonly object[];
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Told>>>>;
}

const document = apiDocument(commands) as unknown as Document;

/** Every operation of the document. */
export const operations: readonly Operation[] = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([verb, told]) => {
    const content = told.requestBody?.content["application/json"];
    const [first] = Object.values(content?.examples ?? {});
    return {
      name: told.operationId,
      method: verb.toUpperCase(),
      path,
      parameters: (told.parameters ?? []).map((one) => resolved<Parameter>(one)),
      body: content?.schema,
      example: content?.example ?? first?.value,
      needsToken: told.security.length > 0 && told.security.every((way) => "bearer" in way),
    };
  }),
);

/** What a reference of the document leads to, or the thing itself. */
export function resolved<T extends object>(node: T | { readonly $ref: string }): T {
  if (!("$ref" in node) || typeof node.$ref !== "string") return node as T;
  const keys = node.$ref.slice("#/".length).split("/");
  const found = keys.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], document);
  return resolved<T>(found as T);
}
