import { joinPointer, type Pointer } from '../../text/json.ts';
import { quote } from '../../text/quote.ts';
import { tabulateKinds, type KindTable } from '../../workload/kinds.ts';
import { listOf, objectOf, TEXT, type Report } from '../section.ts';

export const workloadsSchema = listOf(
  objectOf(
    {
      group: {
        type: 'string',
        pattern: '^[^/]*$',
        instead: 'placeholder.invalid',
        title: 'an API group without its version, such as argoproj.io',
        description: 'API group without its version; empty for the core group',
      },
      kind: { ...TEXT, description: 'kind of the custom resource' },
      podTemplates: listOf(
        // A JSON Pointer (RFC 6901) without empty segments; empty if the object's own spec is the Pod spec.
        {
          type: 'string',
          pattern: '^(/([^~/]|~[01])+)*$',
          instead: '/spec/template',
          title: "a path from the root of the object, such as /spec/template, or '' for the root itself",
        },
        {
          minItems: 1,
          instead: ['/spec/template'],
          description: "JSON Pointers to the objects that hold a Pod `spec`, at least one; `''` is the object itself",
        },
      ),
    },
    {
      required: ['group', 'kind', 'podTemplates'],
      instead: { group: 'placeholder.invalid', kind: 'Placeholder', podTemplates: ['/spec/template'] },
    },
  ),
  { default: [], description: 'custom resources that contain Pod templates' },
);

export type WorkloadFile = Readonly<{ group: string; kind: string; podTemplates: readonly Pointer[] }>;

/** All kinds that are checked, including the built-in ones. */
export function buildKinds(file: readonly WorkloadFile[] = [], report: Report): KindTable {
  const known = new Map([...tabulateKinds([]).keys()].map((key) => [key, 'is built in: remove it']));
  for (const [at, { group, kind, podTemplates }] of file.entries()) {
    const key = `${group}/${kind}`;
    const entry = joinPointer('/workloads', at);
    const problem = known.get(key);
    if (problem !== undefined) report(entry, `${quote(kind)} ${problem}`, [entry]);
    known.set(key, `is already in workloads[${at}]: put all its podTemplates in one entry`);
    for (const [index, pointer] of podTemplates.entries()) {
      if (!pointer.endsWith('/template/spec')) continue;
      const message = `${quote(pointer)} is the Pod spec: use the object that holds it, ${quote(pointer.slice(0, -'/spec'.length))}`;
      report(joinPointer('/workloads', at, 'podTemplates', index), message);
    }
  }
  return tabulateKinds(
    file.map(({ group, kind, podTemplates }) => ({
      group,
      kind,
      podSpecs: podTemplates.map((pointer) => joinPointer(pointer, 'spec')),
    })),
  );
}
