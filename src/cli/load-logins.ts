import { readDockerLogins, type DockerLogins } from '../pull/pull-secret.ts';
import { describeCause, readText } from '../manifest/files.ts';
import { matchCredentialKey, parseCredentialKey } from '../pull/credential-key.ts';
import type { ImageReference } from '../image/reference.ts';
import { isRecord } from '../text/json.ts';
import { UsageError } from './io.ts';

/** The credentials in a docker `config.json`. */
export type Logins = DockerLogins &
  Readonly<{
    /** Whether docker would ask a credential helper for the registry of an image. */
    hasHelper: (reference: ImageReference) => boolean;
  }>;

/** Reads a docker `config.json` as kubelet does. @throws UsageError that shows nothing of its content. */
export function loadLogins(file: string): Logins {
  const json = readConfig(file);
  const logins = readDockerLogins(json);
  if (typeof logins === 'string') throw explain(file, logins);
  return { ...logins, hasHelper: findHelpers(json) };
}

function readConfig(file: string): string {
  try {
    return readText(file);
  } catch (error) {
    throw explain(file, describeCause(error), error);
  }
}

function explain(file: string, cause: string, error?: unknown): UsageError {
  return new UsageError(
    `--docker-config ${file} cannot be used: ${cause}; give a config.json as written by docker login`,
    { cause: error },
  );
}

/** `credsStore` is for every registry, each entry of `credHelpers` for one registry. */
function findHelpers(json: string): Logins['hasHelper'] {
  const config: unknown = JSON.parse(json);
  const { credsStore, credHelpers } = isRecord(config) ? config : {};
  if (typeof credsStore === 'string' && credsStore !== '') return () => true;
  const keys = Object.keys(isRecord(credHelpers) ? credHelpers : {}).flatMap((key) => parseCredentialKey(key) ?? []);
  return (reference) => keys.some((key) => matchCredentialKey(key, reference));
}
