import { defaultPolicy, loadPolicy } from '../rules/policy.ts';
import { PolicyError } from '../policy/errors.ts';
import { readPolicyFile } from '../policy/reload.ts';
import type { Policy } from '../engine/rule.ts';
import { describeError } from '../text/error.ts';
import { UsageError } from './io.ts';

/** The policy of `--config`, or the default policy. @throws UsageError that names every mistake in the file. */
export function loadConfig(file: string | undefined): Policy {
  try {
    return file === undefined ? defaultPolicy() : loadPolicy(readPolicyFile(file), file);
  } catch (error) {
    throw toUsageError(error);
  }
}

/** Converts an error in an argument or in the policy to the message that a person at a terminal reads. */
export function toUsageError(error: unknown): UsageError {
  const message = error instanceof PolicyError ? `the policy cannot be used:\n${error.message}` : describeError(error);
  return new UsageError(message, { cause: error });
}
