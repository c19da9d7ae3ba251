import { swapLetters, WELL_KNOWN } from '../image/known-registries.ts';
import { allOf, anyOf, escapeRegExp, type Cel } from './cel.ts';
import { STAND_INS } from './causes-cel.ts';
import { matches } from './reference-cel.ts';

/**
 * References that are surely valid and not suspicious: most that people write, and none of which `reference-valid` says anything. Others
 * may be as good, and are left to the webhook.
 */
const PART = '[a-z0-9]+(?:(?:__?|-+)[a-z0-9]+)*';
const LABEL = '[a-z0-9]+(?:-+[a-z0-9]+)*';
const TAG = '(?:[0-9a-f]{7,40}|(?:v?[0-9]{1,20}|[a-z][a-z0-9]{0,39})(?:[._-](?:[0-9]{1,20}|[A-Za-z][A-Za-z0-9]*))*)';
const CLEAN = `^(?:${LABEL}(?:[.]${LABEL})+(?::[1-9][0-9]{1,3})?/${PART}(?:/${PART})*|${PART}(?:/${PART})?)(?::${TAG})?(?:@sha256:[0-9a-f]{64})?$`;

/** No part of one that is this long is too long. */
const SHORT = 200;

const DOCKER_HUB = '(?:(?:index[.])?docker[.]io|registry-1[.]docker[.]io|registry[.]hub[.]docker[.]com)';

/** What is suspicious of those all the same: web sites, images that have moved, paths that a registry cannot have, and words for a value. */
const SUSPICIOUS = [
  '^(?:(?:www[.]|hub[.])?docker[.]com|git(?:hub|lab)[.]com|k8s[.]gcr[.]io|gcr[.]io/kubebuilder|quay[.]io/repository)/',
  '^(?:[^/]*/)?bitnami/',
  '^(?:ghcr[.]io|quay[.]io|public[.]ecr[.]aws|registry[.]gitlab[.]com|(?:(?:us|eu|asia)[.])?gcr[.]io)/[^/]*$',
  '^[a-z0-9-]+-docker[.]pkg[.]dev/[^/]*(?:/[^/]*)?$',
  `^${DOCKER_HUB}(?::[0-9]+)?/[^/]*/[^/]*/`,
  '^[^/]*/v[12](?:/|$)',
  '^swr(?:[.][a-z0-9-]+){1,2}[.](?:myhuaweicloud[.](?:com|eu)|otc[.]t-systems[.]com)/[^/]*$',
  '^(?:gallery[.]ecr[.]aws|artifacthub[.]io|console[.]cloud[.]google[.]com|(?:[^/]*[.])?console[.]aws[.]amazon[.]com)/',
  '^[^/]*/(?:harbor/projects/[0-9]+|ui/repos/tree)/',
].join('|');

/** The same of a name of one word, and of a tag. */
const WORDS = [
  `^(?:localhost|sha[0-9]{3}|[0-9a-f]{64}|${STAND_INS})(?:[:@]|$)`,
  `^[^:]*(?::[0-9]+/[^:]*)?:(?:la(?:tets|tset|st|stest|tes)|${STAND_INS})(?:@|$)`,
].join('|');

/** References whose tag is a version, and which have more than one word: with these nothing can be wrong as a word. */
const NO_WORD = '^[^:@]*/[^:@]*(?::[0-9]+/[^:@]*)?(?::v?[0-9][^:]*)?(?:@|$)';

const KNOWN = `^(?:${[...WELL_KNOWN].map((host) => escapeRegExp(host)).join('|')})/`;
const TYPOS = [...WELL_KNOWN].flatMap((host) => swapLetters(host).filter((swapped) => !WELL_KNOWN.has(swapped)));
const TYPO = `^(?:${[...new Set(TYPOS)].map((host) => escapeRegExp(host)).join('|')})[:/]`;

/** Whether a reference is one of them. */
export function isSurelyFine(image: Cel): Cel {
  return allOf(
    `size(${image}) <= ${SHORT}`,
    matches(image, CLEAN),
    `!${matches(image, SUSPICIOUS)}`,
    anyOf(matches(image, NO_WORD), `!${matches(image, WORDS)}`),
    anyOf(matches(image, KNOWN), `!${matches(image, TYPO)}`),
  );
}
