import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { parse } from 'yaml';
import { admit } from '../../src/admission/admit.ts';
import { PolicyError } from '../../src/policy/errors.ts';
import { loadPolicy } from '../../src/rules/policy.ts';
import { requestFor } from '../support/admission-request.ts';
import { pod } from '../support/objects.ts';
import { CA, HEAD } from '../policy/reading.ts';
import { changed, edited, oddValue } from './edited.ts';
import { holds } from './holds.ts';

const FULL = `${HEAD}registries:
  - { hosts: [registry.example, 'registry.example:5000/team'], pullSecret: regcred }
  - hosts: ['*.example.com']
    probe: { tokenHosts: [auth.example.com], addresses: [10.0.0.0/8], ca: ${JSON.stringify(CA)}, plainHttp: false }
mirrors: [{ from: docker.io/library, to: 'mirror.example:5000/official' }]
rules: { tag-explicit: { action: deny, forbidLatest: true }, mirror-used: { fix: false }, pull-secret-usable: off }
exempt: { namespaces: [kube-*, ci], images: [registry.example/base] }
skip: { rules: [tag-explicit], namespaces: [dev-*] }
workloads: [{ group: argoproj.io, kind: Rollout, podTemplates: [/spec/template, /spec/tasks/*/template] }]
probe: { wait: 1s, cache: { positive: 10m } }
`;
const TEXTS = [FULL, ...['manifests/base/policy.yaml', 'demo/policy.yaml'].map((path) => readFileSync(path, 'utf8'))];

const keys = fc.constantFrom('registries', 'mirrors', 'rules', 'exempt', 'hosts', 'from', 'mirror-used', 'probe');
const values = [fc.constantFrom('warn', '*', 'a.example/b', 3, null)];
const members = fc.dictionary(keys, fc.anything({ key: keys, withNullPrototype: false, values }));
const value = fc.oneof(
  oddValue,
  fc.constantFrom('*', '**', 'a*b*c', '[a', 'a.example', '/spec/*/*', '1s', '0', 'deny'),
);
const tokens = [...Array.from('[]{}"\'#*!'), ...[': ', '\n', '  ', '- ', '&a ', '*a', '<<: ', '|\n', '---\n']];

const text = fc.oneof(
  fc.string().map((tail) => HEAD + tail),
  members.map((sample) => HEAD + JSON.stringify(sample).replace(/^\{|\}$/g, '')),
  changed(fc.constantFrom(...TEXTS.map((each) => parse(each) as unknown)), value).map((each) => JSON.stringify(each)),
  edited(fc.constantFrom(...TEXTS), { tokens, span: 30, most: 4 }),
);

const request = requestFor(pod('registry.example/team/app:1'));

holds(
  'whatever the text, it is a policy that judges, or a list of mistakes at places in the text',
  fc.property(text, (sample) => {
    try {
      const policy = loadPolicy(sample);
      for (const endpoint of ['mutate', 'validate'] as const) admit(request, endpoint, policy, { facts: {}, now: 0 });
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      const lines = sample.split('\n');
      expect(error.problems.length).toBeGreaterThan(0);
      expect(error.problems.length).toBeLessThanOrEqual(1000);
      for (const { line, column, message } of error.problems) {
        expect(message).not.toBe('');
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
      }
    }
  }),
  300,
);
