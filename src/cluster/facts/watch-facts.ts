import type { ClusterNode, FactName, Facts, PullSecret } from '../../pull/facts.ts';
import type { ApiServer } from '../connection/api-server.ts';
import { startReflector, type Reflector } from '../connection/reflector.ts';
import {
  assembleFacts,
  listNodes,
  listSecretCollections,
  NAMESPACES,
  NODES,
  pathOf,
  SERVICE_ACCOUNTS,
  type FactCollection,
  type FactScope,
  type NodeStore,
} from './fact-collections.ts';

export type WatchFactsOptions = FactScope &
  Readonly<{
    api: ApiServer;
    /** Called once for each distinct problem until it is solved. */
    onError: (message: string) => void;
  }>;

/** The facts of a cluster, kept up to date in the background. */
export type FactsSource = Readonly<{
  /** The facts known by now. Costs nothing: the same object until another fact becomes known. */
  current: () => Facts;
  /** Sets the names of a new policy. Watches for new names start, those for removed names end, and the others continue. */
  setPullSecretNames: (names: readonly string[]) => void;
  ages: () => readonly FactAge[];
  /** Resolves when everything that is watched has been listed once. */
  synced: Promise<void>;
  /** Ends all watches; the known facts stay. */
  close: () => void;
}>;

/** A watch of Secrets, and its selector. */
type SecretWatch = Reflector<PullSecret> & Pick<FactCollection<PullSecret>, 'fieldSelector' | 'objectName'>;

/** The age of a watched fact. */
export type FactAge = Readonly<{
  fact: FactName;
  /** Since the API server last confirmed all of it; undefined before the first time. */
  seconds: number | undefined;
  objects: number;
}>;

/** Starts the watches for facts that rules need. Returns at once; if the API server cannot be reached, it retries. */
export function watchFacts(options: WatchFactsOptions): FactsSource {
  const { api, secrets: mode, pullSecretNames, onError } = options;
  let facts: Facts = {};
  let secrets: readonly SecretWatch[] = [];
  const serviceAccounts = watch(SERVICE_ACCOUNTS);
  const namespaces = watch(NAMESPACES);
  const nodes = options.nodes ? watchNodes() : undefined;
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
      ...(nodes === undefined ? [] : [toAge('nodes', [nodes])]),
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
          ...collection,
        },
    );
    for (const watched of before) if (!secrets.includes(watched)) watched.close();
    update();
  }

  function watchNodes(): NodeStore & Reflector<ClusterNode> {
    let listed: readonly ClusterNode[] | undefined;
    const reflector = watch(NODES, () => {
      listed = undefined;
    });
    return { ...reflector, list: () => (listed ??= listNodes(reflector)) };
  }

  function watch<Kept>(collection: FactCollection<Kept>, onChange?: () => void): Reflector<Kept> {
    const { fieldSelector, keep, isSame } = collection;
    const reflector = startReflector({ api, path: pathOf(collection), fieldSelector, keep, isSame, onChange, onError });
    void reflector.synced.then(update);
    return reflector;
  }

  function update(): void {
    facts = assembleFacts({ mode, secrets, serviceAccounts, namespaces, nodes });
    if (listReflectors().every((reflector) => reflector.hasSynced())) announceSynced();
  }

  function listReflectors(): readonly Reflector<unknown>[] {
    return [serviceAccounts, namespaces, ...(nodes === undefined ? [] : [nodes]), ...secrets];
  }
}

/** The age of a fact is that of its oldest part. */
function toAge(fact: FactName, reflectors: readonly Reflector<unknown>[]): FactAge {
  const seconds = reflectors.map((reflector) => reflector.ageSeconds());
  return {
    fact,
    seconds: seconds.every((each) => each !== undefined) ? Math.max(...seconds) : undefined,
    objects: reflectors.reduce((sum, reflector) => sum + reflector.size(), 0),
  };
}
