import { LONGEST_IMAGE } from '../text/bounds.ts';
import { MAX_REPOSITORY_LENGTH } from '../image/reference.ts';
import { allOf, anyOf, literal, type Cel } from './cel.ts';

/**
 * The grammar of image references, as `image/reference.ts` reads them, in one regular expression of RE2 and of JavaScript. What it
 * cannot say is how long a repository may be, and that an image ID is no name.
 */
const PART = '[a-z0-9]+(?:(?:[.]|__?|-+)[a-z0-9]+)*';
const LABEL = '[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?';
const NAMED = `${LABEL}(?:[.]${LABEL})*(?::[0-9]+)?`;
// Without a ":" or a capital in it, and without a port, the text in brackets is no registry.
const ADDRESS = String.raw`\[[0-9a-f]*[:A-F][0-9A-Fa-f:]*\](?::[0-9]+)?|\[[0-9a-f]+\]:[0-9]+`;
const TAG = '[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}';
const DIGEST = '(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})';
const GRAMMAR = `^(?:(?:${NAMED}|${ADDRESS})/)?${PART}(?:/${PART})*(?::${TAG})?(?:@${DIGEST})?$`;

const IMAGE_ID = '^[0-9a-f]{64}$';

/** The text before the first "/" is a registry. */
const HAS_REGISTRY = '^(?:localhost|[^/]*[.:A-Z][^/]*)/';

/** What Docker adds to a repository of one word. */
const LIBRARY = 'library/';
const LONGEST_WORD = MAX_REPOSITORY_LENGTH - LIBRARY.length;

/** A name that is one word, of which `library/` makes too long a repository. */
const LONG_WORD = `[^/:@]{${LONGEST_WORD + 1},}(?:[:@]|$)`;
const LONG_NAME = `[^:@]{${MAX_REPOSITORY_LENGTH + 1}}`;

/** Docker Hub by one of its hosts; where `library/` would make the name too long, only by those that runtimes know. */
const DOCKER_HUB = String.raw`^(?:(?:index[.])?docker[.]io/|registry(?:-1[.]docker[.]io|[.]hub[.]docker[.]com)/(?:[^/]+/|[^/:@]{1,${LONGEST_WORD}}(?:[:@]|$)))`;

export function matches(text: Cel, pattern: string): Cel {
  return `${text}.matches(${literal(pattern)})`;
}

/** Whether runtimes can parse a reference. */
export function isReference(image: Cel): Cel {
  const tooLong = `${matches(image, HAS_REGISTRY)} ? ${anyOf(
    matches(image, `^[^/]*/${LONG_NAME}`),
    // No domain has a "_": runtimes take it for a part of the repository, which then has to fit as a whole.
    allOf(matches(image, '^[^/]*_'), matches(image, `^${LONG_NAME}`)),
    matches(image, `^(?:index[.])?docker[.]io/${LONG_WORD}`),
  )} : ${anyOf(matches(image, `^${LONG_NAME}`), matches(image, `^${LONG_WORD}`))}`;
  return allOf(
    `size(${image}) <= ${LONGEST_IMAGE}`,
    matches(image, GRAMMAR),
    `!${matches(image, IMAGE_ID)}`,
    `size(${image}) <= ${LONGEST_WORD} || !(${tooLong})`,
  );
}

/** What follows the registry, or the whole reference where it has none. */
export function afterRegistry(image: Cel): Cel {
  return `${matches(image, HAS_REGISTRY)} ? ${image}.substring(${image}.indexOf('/') + 1) : ${image}`;
}

/** The full address of a reference that parses: registry, repository, tag and digest. */
export function fullAddress(image: Cel): Cel {
  const rest = `${image}.substring(${image}.indexOf('/') + 1)`;
  const onDockerHub = (name: Cel): Cel => `(${name}.contains('/') ? 'docker.io/' : 'docker.io/${LIBRARY}') + ${name}`;
  return `${matches(image, DOCKER_HUB)} ? ${onDockerHub(rest)} : ${matches(image, HAS_REGISTRY)} ? ${image} : ${onDockerHub(image)}`;
}

/** False only of references to other registries; without a look at how long they are. */
export function mayBeOnDockerHub(image: Cel): Cel {
  return anyOf(
    `!${matches(image, HAS_REGISTRY)}`,
    matches(image, '^(?:(?:index[.])?docker[.]io|registry(?:-1[.]docker[.]io|[.]hub[.]docker[.]com))/'),
  );
}

export function hasRegistry(image: Cel): Cel {
  return matches(image, HAS_REGISTRY);
}

export function hasDigest(image: Cel): Cel {
  return `${image}.contains('@')`;
}

export function hasTag(image: Cel): Cel {
  return matches(image, ':[^/]*$');
}

/** Whether runtimes take a full address whose repository may have outgrown what they take. */
export function fitsLength(address: Cel): Cel {
  return `size(${address}) <= ${MAX_REPOSITORY_LENGTH} || !${matches(address, `^[^/]+/${LONG_NAME}`)}`;
}
