import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';

export type TempFolder = Readonly<{
  path: string;
  /** The path of a file in the folder. */
  at: (name: string) => string;
  /** Writes a file, and the folders it needs; returns its path. */
  write: (name: string, content: string | Buffer) => string;
  /** Links a name in the folder to a target, taken as it is; returns its path. */
  link: (name: string, target: string) => string;
  /**
   * What kubelet does with a mounted ConfigMap: files in a new folder, then one rename of the `..data` link onto it. The
   * files themselves are links through `..data`. Returns the path of the file.
   */
  publish: (version: string, name: string, content: string) => string;
}>;

type Cleanup = (clean: () => void) => void;

/** A folder of its own for the running test, gone when that is over. A concurrent test gives its context's `onTestFinished`. */
export function tempFolder(onFinished: Cleanup = onTestFinished): TempFolder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'pullguard-test-')));
  onFinished(() => {
    rmSync(path, { recursive: true, force: true });
  });
  const at = (name: string): string => join(path, name);
  const write = (name: string, content: string | Buffer): string => {
    mkdirSync(dirname(at(name)), { recursive: true });
    writeFileSync(at(name), content);
    return at(name);
  };
  const link = (name: string, target: string): string => {
    symlinkSync(target, at(name));
    return at(name);
  };
  const publish = (version: string, name: string, content: string): string => {
    write(`..${version}/${name}`, content);
    link('..data_tmp', `..${version}`);
    renameSync(at('..data_tmp'), at('..data'));
    if (version === 'v1') link(name, `..data/${name}`);
    return at(name);
  };
  return { path, at, write, link, publish };
}
