import { statSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * Calls `onChange` after any of `paths` changed, appeared or disappeared, until the returned function is called.
 * It looks every `intervalMs` milliseconds and does not keep the process alive. Changes from the moment of this call
 * on are seen, so call it before the first read.
 *
 * Stat polling, not fs.watch: inotify follows the inode, and a mounted ConfigMap or Secret changes by swapping the
 * `..data` symlink two directories up, which no event on the file tells. Editors that rename, deletions and network
 * file systems have the same trouble. A stat follows the symlinks each time, and one a second costs nothing.
 */
export function watchFiles(paths: readonly string[], onChange: () => void, intervalMs = 1000): () => void {
  const watched = paths.map((path) => resolve(path));
  let before = describeFiles(watched);
  const timer = setInterval(() => {
    const now = describeFiles(watched);
    if (now === before) return;
    before = now;
    onChange();
  }, intervalMs);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

/** What a changed file cannot keep: a rename changes dev and inode, a write size or times, a chmod the ctime. */
function describeFiles(paths: readonly string[]): string {
  return paths.map((path) => describeFile(path)).join('\n');
}

function describeFile(path: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = statSync(path);
    return [dev, ino, size, mtimeMs, ctimeMs].join(' ');
  } catch {
    // Missing and unreachable are the same here; the reader of the file reports which.
    return 'absent';
  }
}
