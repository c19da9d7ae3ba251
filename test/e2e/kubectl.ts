import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { ControlPlane } from './control-plane.ts';
import { minimalEnv } from './processes.ts';

export type KubectlResult = Readonly<{ code: number; stdout: string; stderr: string }>;

/** Arguments as one text, split at spaces, or as a list. Objects go to standard input, for `-f -`. */
export type Kubectl = (
  args: string | readonly string[],
  options?: Readonly<{ stdin?: string | object }>,
) => Promise<KubectlResult>;

/** kubectl as a user runs it, working in a namespace. Never throws for what kubectl says. */
export function bindKubectl({ kubectl, kubeconfig, folder }: ControlPlane, namespace: string): Kubectl {
  return async (args, { stdin = '' } = {}) => {
    const list = typeof args === 'string' ? args.split(' ') : args;
    const child = spawn(kubectl, [`--namespace=${namespace}`, ...list], {
      env: { ...minimalEnv(folder), KUBECONFIG: kubeconfig },
      timeout: 25_000,
    });
    const exited = new Promise<number>((resolve, reject) => {
      child.once('close', (code) => {
        resolve(code ?? -1);
      });
      child.once('error', reject);
    });
    // A command that reads nothing may be gone before all is written.
    child.stdin.on('error', () => undefined);
    child.stdin.end(typeof stdin === 'string' ? stdin : JSON.stringify(stdin));
    const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), exited]);
    return { code, stdout, stderr };
  };
}

/** The warnings of pullguard that a user saw, without the `Warning: ` before each; others have warnings as well. */
export function warningsIn({ stderr }: KubectlResult): readonly string[] {
  return stderr
    .split('\n')
    .filter((line) =>
      /^Warning: .*(?:\([a-z]+(?:-[a-z]+)+\)|pullguard check to list those that need no cluster)$/.test(line),
    )
    .map((line) => line.slice('Warning: '.length));
}
