import fc from 'fast-check';
import { isRecord } from '../../src/text/json.ts';

/** A text in which spans are replaced by other characters or taken out, as typing, pasting and templates do. */
export function edited(
  texts: fc.Arbitrary<string>,
  { tokens, span, most }: Readonly<{ tokens: readonly string[]; span: number; most: number }>,
): fc.Arbitrary<string> {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(span), fc.constantFrom('', ...tokens)), { maxLength: most });
  return fc.tuple(texts, edits).map(([text, made]) =>
    made.reduce((before, [place, removed, put]) => {
      const at = place % (before.length + 1);
      return before.slice(0, at) + put + before.slice(at + removed);
    }, text),
  );
}

/** Values that stand where no schema allows them. */
export const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(null, 7, -1, 1e400, true, '', ' ', [], {}, [null], [[]], { name: null }, '__proto__'),
  fc.jsonValue({ maxDepth: 2 }),
);

/** A JSON document some of whose values are others: `values`, or a value from elsewhere in it, once or many times. */
export function changed(
  documents: fc.Arbitrary<unknown>,
  values: fc.Arbitrary<unknown>,
  most = 4,
): fc.Arbitrary<unknown> {
  const changes = fc.array(
    fc.record({ place: fc.nat(), source: fc.nat(), value: fc.option(values), times: fc.constantFrom(0, 0, 1, 2, 30) }),
    { maxLength: most },
  );
  return fc.tuple(documents, changes).map(([document, made]) => {
    const root = { document: structuredClone(document) };
    for (const { place, source, value, times } of made) {
      const holders = listHolders(root);
      const { parent, key } = holders[place % holders.length]!;
      const from = holders[source % holders.length]!;
      const put = structuredClone(value ?? from.parent[from.key]);
      parent[key] = times === 0 ? put : Array<unknown>(times).fill(put);
    }
    return root.document;
  });
}

type Holder = Readonly<{ parent: Record<string, unknown>; key: string }>;

/** Every place of a value, as that which holds it and its key there. */
function listHolders(value: unknown, depth = 0): readonly Holder[] {
  if ((!isRecord(value) && !Array.isArray(value)) || depth > 60) return [];
  const parent = value as Record<string, unknown>;
  return Object.keys(parent).flatMap((key) => [{ parent, key }, ...listHolders(parent[key], depth + 1)]);
}
