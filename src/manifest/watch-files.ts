import { statSync, unwatchFile, watchFile, type Stats } from 'node:fs';
import { resolve } from 'node:path';

/**
 * Calls `onChange` after any of `paths` changed, appeared or disappeared, until the returned function is called.
 * It looks every `intervalMs` milliseconds and does not keep the process alive. Changes from the moment of this call
 * on are seen, so call it before the first read; one change may be told more than once, so compare what you read.
 *
 * Stat polling, not fs.watch: inotify follows the inode, and a mounted ConfigMap or Secret changes by swapping the
 * `..data` symlink two directories up, which no event on the file tells. Editors that rename, deletions and network
 * file systems have the same trouble. A stat follows the symlinks each time, and one a second costs nothing.
 */
export function watchFiles(paths: readonly string[], onChange: () => void, intervalMs = 1000): () => void {
  const watched = [...new Set(paths.map((path) => resolve(path)))];
  const before = fingerprints(watched);

  const look = (now: Stats, previous: Stats): void => {
    // fs.watchFile opens with such a call when the file is missing: nothing has changed yet.
    if (isAbsent(now) && isAbsent(previous)) return;
    clearTimeout(firstLook);
    onChange();
  };

  for (const path of watched) watchFile(path, { interval: intervalMs, persistent: false }, look);

  // fs.watchFile takes its first stat a moment later, in the background, and compares only with that one.
  const firstLook = setTimeout(() => {
    if (fingerprints(watched) !== before) onChange();
  }, intervalMs).unref();

  return () => {
    clearTimeout(firstLook);
    for (const path of watched) unwatchFile(path, look);
  };
}

/** What a changed file cannot keep: a rename changes dev and inode, a write size or times, a chmod the ctime. */
function fingerprints(paths: readonly string[]): string {
  return paths.map(fingerprint).join('\n');
}

function fingerprint(path: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
  } catch {
    // Missing and unreachable are the same here; whoever reads the file reports which.
    return 'absent';
  }
}

/** fs.watchFile describes a file that is not there with zeros; one that is there has at least one link. */
function isAbsent(stats: Stats): boolean {
  return stats.nlink === 0;
}
