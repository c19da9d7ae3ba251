import type { PolicySections } from '../policy.ts';
import { buildGlobs, buildHostPatterns, listOf, objectOf, TEXT, type Report } from '../section.ts';

const namespaces = listOf(TEXT, {
  default: ['kube-system'],
  description: 'names or globs; your list replaces the default',
});
const images = listOf(TEXT, { default: [], description: 'host patterns' });

export const exemptSchema = objectOf({ namespaces, images }, { description: 'what is neither checked nor changed' });

export type ExemptFile = Readonly<{ namespaces?: readonly string[]; images?: readonly string[] }>;

export function buildExempt(file: ExemptFile = {}, report: Report): PolicySections['exempt'] {
  return {
    namespaces: buildGlobs(file.namespaces ?? namespaces.default, '/exempt/namespaces', report),
    images: buildHostPatterns(file.images ?? images.default, '/exempt/images', report),
  };
}
