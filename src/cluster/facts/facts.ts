import type { FactName, Facts, PullSecret } from '../../engine/facts.ts';
import type { ApiServer } from '../connection/api-server.ts';
import { assembleFacts } from './assemble-facts.ts';
import {
  listSecretCollections,
  NAMESPACES,
  pathOf,
  SERVICE_ACCOUNTS,
  type FactCollection,
  type SecretsMode,
} from './fact-collections.ts';
import { startReflector, type Reflector } from '../connection/reflector.ts';

export { accessOf, SECRETS_MODES, type SecretsMode } from './fact-collections.ts';

export type WatchFactsOptions = Readonly<{
  api: ApiServer;
  secrets: SecretsMode;
  /** What `default-secret-only` looks at. */
  pullSecretNames: readonly string[];
  /** Told once of each distinct trouble until it is over. */
  onError: (message: string) => void;
}>;

/** The facts of a cluster, kept up to date in the background. */
export type FactsSource = Readonly<{
  /** What is known by now. Costs nothing: the same object, until another fact becomes known. */
  current: () => Facts;
  /** The names in a new policy. Watches start and end; those of names that stay go on. */
  setPullSecretNames: (names: readonly string[]) => void;
  ages: () => readonly FactAge[];
  /** Resolves when all that is watched has been listed once. */
  synced: Promise<void>;
  /** Ends all watches; what is known stays known. */
  close: () => void;
}>;

/** A fact that is watched. */
export type FactAge = Readonly<{
  fact: FactName;
  /** Since the API server last confirmed all of it; undefined before the first time. */
  seconds: number | undefined;
  objects: number;
}>;

/** Starts to watch what rules ask for. Returns at once; an API server that is away is waited for. */
export function watchFacts({ api, secrets: mode, pullSecretNames, onError }: WatchFactsOptions): FactsSource {
  let facts: Facts = {};
  let secrets: readonly SecretWatch[] = [];
  const serviceAccounts = watch(SERVICE_ACCOUNTS);
  const namespaces = watch(NAMESPACES);
  let announceSynced = (): void => undefined;
  const synced = new Promise<void>((resolve) => {
    announceSynced = resolve;
  });
  setPullSecretNames(pullSecretNames);

  return {
    current: () => facts,
    setPullSecretNames,
    ages: () => [
      ...(secrets.length === 0 ? [] : [toAge('pullSecrets', secrets)]),
      toAge('serviceAccounts', [serviceAccounts]),
      toAge('namespaces', [namespaces]),
    ],
    synced,
    close: () => {
      for (const reflector of listReflectors()) reflector.close();
    },
  };

  function setPullSecretNames(names: readonly string[]): void {
    const before = secrets;
    secrets = listSecretCollections(mode, names).map(
      (collection) =>
        before.find(({ fieldSelector }) => fieldSelector === collection.fieldSelector) ?? {
          ...watch(collection),
          fieldSelector: collection.fieldSelector,
          objectName: collection.objectName,
        },
    );
    for (const watched of before) if (!secrets.includes(watched)) watched.close();
    update();
  }

  function watch<Kept>(collection: FactCollection<Kept>): Reflector<Kept> {
    const { fieldSelector, keep } = collection;
    const path = pathOf(collection);
    const reflector = startReflector({
      api,
      path,
      keep,
      onError,
      ...(fieldSelector !== undefined && { fieldSelector }),
    });
    void reflector.synced.then(update);
    return reflector;
  }

  function update(): void {
    facts = assembleFacts({ mode, secrets, serviceAccounts, namespaces, now: () => api.now().getTime() });
    if (listReflectors().every((reflector) => reflector.hasSynced())) announceSynced();
  }

  function listReflectors(): readonly Reflector<unknown>[] {
    return [serviceAccounts, namespaces, ...secrets];
  }
}

/** A list of secrets, and which those are. */
type SecretWatch = Reflector<PullSecret> &
  Readonly<{ fieldSelector: string | undefined; objectName: string | undefined }>;

/** As old as the oldest part of it. */
function toAge(fact: FactName, reflectors: readonly Reflector<unknown>[]): FactAge {
  const seconds = reflectors.map((reflector) => reflector.ageSeconds());
  return {
    fact,
    seconds: seconds.every((each) => each !== undefined) ? Math.max(...seconds) : undefined,
    objects: reflectors.reduce((sum, reflector) => sum + reflector.size(), 0),
  };
}
