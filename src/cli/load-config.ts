import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { PolicyError } from '../policy/errors.ts';
import { readPolicyFile } from '../policy/reload.ts';
import type { Policy } from '../engine/rule.ts';
import { UsageError } from './io.ts';

/** The policy of `--config`, or the default one. @throws UsageError that names every mistake in the file. */
export function loadConfig(file: string | undefined): Policy {
  return file === undefined ? defaultPolicy() : explainPolicyErrors(() => loadPolicy(readPolicyFile(file), file));
}

/** Runs what loads a policy, and turns its errors into what a person at a terminal should read. */
export function explainPolicyErrors<T>(load: () => T): T {
  try {
    return load();
  } catch (error) {
    if (error instanceof PolicyError)
      throw new UsageError(`the policy cannot be used:\n${error.message}`, { cause: error });
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}
