import { quote } from '../text/quote.ts';
import { findMove, findOtherForm, findSecondRegistry, swapLetters, WELL_KNOWN } from './known-registries.ts';
import { isFileName, isStandIn, looksPrinted, readWebPage, registryOfSite } from './not-an-image.ts';
import {
  DIGEST_LENGTHS,
  DOCKER_HUB,
  formatReference,
  isImageId,
  splitDomain,
  type ImageReference,
} from './reference.ts';

/** The highest TCP port; the grammar allows any number. */
const MAX_PORT = 65_535;

/**
 * What is suspicious about a valid reference that probably has another meaning than intended; undefined if nothing is. Never a
 * reason to deny, as the runtime accepts it.
 */
export function suspectReference(written: string, reference: ImageReference): string | undefined {
  return suspectForm(written, reference) ?? suspectPath(reference);
}

/** Suspicions about the reference itself, regardless of which repositories its registry can have. */
export function suspectForm(written: string, reference: ImageReference): string | undefined {
  return (
    suspectBareName(written, reference) ??
    suspectWebPage(written, reference) ??
    suspectHost(reference) ??
    suspectTag(reference)
  );
}

/** A name without "/" is an image on Docker Hub, whatever it looks like. */
function suspectBareName(written: string, { registry, repository, tag }: ImageReference): string | undefined {
  const name = written.split(/[:@]/, 1)[0] ?? '';
  if (registry !== DOCKER_HUB || repository !== `library/${name}`) return undefined;
  const asTag = tag === undefined ? '' : ` with tag ${quote(tag, 40)}`;
  const readAs = `image is read as ${quote(name, 60)}${asTag} on Docker Hub`;
  if (isFileName(name)) return `${readAs}, as images are pulled from registries only: push it to a registry`;
  if (looksLikeHost(name, tag)) return `${readAs}: add "/" and a repository after the registry`;
  if (isStandIn(name)) return `${readAs}, but looks like a placeholder: replace it`;
  if (DIGEST_LENGTHS.has(name) && tag !== undefined) {
    return `${readAs}: write a digest as name@${name}:…`;
  }
  return undefined;
}

/** `registry.example.com`, `registry.example.com:5000`, `10.0.0.1`, `localhost:5000`: images do not have such names. */
function looksLikeHost(name: string, tag: string | undefined): boolean {
  const portLike = tag !== undefined && /^[0-9]{2,5}$/.test(tag);
  if (name === 'localhost') return tag === undefined || portLike;
  if (/^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/.test(name)) return true;
  return name.includes('.') && (portLike || /\.[a-z]{2,}$/.test(name));
}

function suspectWebPage(written: string, { registry }: ImageReference): string | undefined {
  const image = readWebPage(written);
  if (image === '') return 'URL of a web page or an API, not an image';
  if (image !== undefined) return `URL of a web page, not an image: use ${quote(image)}`;
  const actual = registryOfSite(registry);
  return actual === undefined ? undefined : `${registry} is a website, not a registry: use ${actual}`;
}

function suspectHost({ registry }: ImageReference): string | undefined {
  const { host, port } = splitDomain(registry);
  if (port !== undefined && (Number(port) > MAX_PORT || Number(port) === 0)) {
    return `port ${quote(port, 40)} of ${quote(host, 60)} is out of range: use 1 to ${MAX_PORT}`;
  }
  const meant = swapLetters(host).find((swapped) => WELL_KNOWN.has(swapped));
  if (meant !== undefined && !WELL_KNOWN.has(host))
    return `host ${quote(host)} looks like a typo; did you mean ${quote(meant)}?`;
  const lower = host.toLowerCase();
  if (host === lower) return undefined;
  return /[.:]/.test(registry)
    ? `host ${quote(host, 60)} has uppercase letters, so kubelet ignores pull secrets for ${quote(lower, 60)}: write it in lowercase`
    : `${quote(host, 60)} has uppercase letters, so it is read as a registry, not as part of the repository: write it in lowercase`;
}

function suspectPath(reference: ImageReference): string | undefined {
  const { registry, repository } = reference;
  const second = findSecondRegistry(reference);
  if (second === registry) return `image has the registry ${quote(registry, 60)} twice: remove one`;
  if (second !== undefined) {
    return `image has two registries: remove ${quote(registry, 60)} or ${quote(second, 60)}`;
  }
  const form = findOtherForm(reference);
  if (form === undefined) return undefined;
  const host = registry === DOCKER_HUB ? 'Docker Hub' : registry;
  return `${host} has only repositories of the form ${form}, so ${quote(repository, 80)} cannot exist: fix the image`;
}

/** What happened to an image that its registry no longer provides; undefined if nothing is known. A mirror may still have it. */
export function describeMove(reference: ImageReference): string | undefined {
  const move = findMove(formatReference(reference));
  return move === undefined ? undefined : `${move.what}: use ${quote(move.to, 120)}`;
}

function suspectTag({ tag, digest }: ImageReference): string | undefined {
  if (tag === undefined || digest !== undefined) return undefined;
  if (isStandIn(tag)) return `tag ${quote(tag, 60)} looks like a placeholder: replace it`;
  if (isImageId(tag)) return 'tag is 64 hex digits: write a digest as name@sha256:…';
  if (tag.endsWith('.')) return `tag ${quote(tag, 60)} ends with ".": check for a typo`;
  if (looksPrinted(tag)) {
    return `tag ${quote(tag, 60)} looks like a number that a template printed with an exponent: quote it in the values`;
  }
  const isSlip = tag !== 'latest' && /^la(?:test|tets|tset|st|stest|tes)$/i.test(tag);
  return isSlip ? `tag ${quote(tag)} looks like a typo; did you mean "latest"?` : undefined;
}
