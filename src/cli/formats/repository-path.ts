import { isAbsolute, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { STDIN } from '../fix.ts';

/**
 * The folder to which a CI takes the paths in reports to be relative: the repository, even if a step works in one of its folders.
 * Outside of a CI, the working directory.
 */
export function findRoot(cwd: string, env: Readonly<Record<string, string | undefined>>): string {
  const roots = [env['GITHUB_WORKSPACE'], env['CI_PROJECT_DIR']].filter(
    (root) => root !== undefined && isAbsolute(root),
  );
  return roots.find((root) => root !== undefined && isWithin(relative(root, cwd))) ?? cwd;
}

/** `apps/shop.yaml`: relative to the root, with `/`. A file outside of the root keeps its absolute path. */
export function toRepositoryPath(file: string, root: string): string {
  if (file === STDIN) return 'stdin';
  const path = relative(root, resolve(file));
  return isWithin(path) ? path.replaceAll(sep, '/') : resolve(file).replaceAll(sep, '/');
}

/** The same as a relative URI, or as a `file:` URI outside of the root. */
export function toUri(file: string, root: string): string {
  const path = toRepositoryPath(file, root);
  if (isAbsolute(path)) return pathToFileURL(path).href;
  return path.split('/').map(encodeSegment).join('/');
}

function isWithin(path: string): boolean {
  return !isAbsolute(path) && path !== '..' && !path.startsWith(`..${sep}`);
}

/** A lone surrogate, from a file name that is not UTF-8, cannot be encoded. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment.replaceAll(/\p{Cs}/gu, '\ufffd'));
}
