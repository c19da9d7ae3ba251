import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Cluster, type Context, KubeConfig, type User } from '@kubernetes/client-node';
import { readPath } from '../../text/json.ts';
import { escapeUnprintable, quote } from '../../text/quote.ts';
import { isInCluster, type ApiServer } from './api-server.ts';
import { createApiServer } from './fetch-api-server.ts';

export type ConnectOptions = Readonly<{
  /** A kubeconfig file; without one, the pod's own service account, `$KUBECONFIG` or `~/.kube/config`, in this order. */
  kubeconfig?: string | undefined;
  /** A context of the kubeconfig; its current one unless told otherwise. A service account has none. */
  context?: string | undefined;
}>;

/**
 * The API server to work with. Nothing is asked of it yet.
 *
 * @throws Error that says which kubeconfig and why.
 */
export function connectToCluster({ kubeconfig, context }: ConnectOptions = {}): ApiServer {
  if (kubeconfig === undefined && context === undefined && isInCluster()) {
    const config = new KubeConfig();
    // It reads the token again as it rotates.
    config.loadFromCluster();
    return createApiServer(config);
  }
  const files = kubeconfig === undefined ? findKubeconfigs() : [kubeconfig];
  return createApiServer(loadKubeconfig(files, context));
}

/** As kubectl finds them: of several in `$KUBECONFIG` those that exist. client-node would try http://localhost:8080 at last. */
function findKubeconfigs(): readonly string[] {
  const named = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const wanted = named.length > 0 ? named : [join(homedir(), '.kube', 'config')];
  const found = wanted.filter((file) => existsSync(file));
  if (found.length > 0) return found;
  const missing =
    named.length > 0
      ? `KUBECONFIG names ${named.join(', ')}, where there is no file`
      : `KUBECONFIG is not set, there is no ${wanted.join()}`;
  throw new Error(
    `cannot find a cluster: ${missing}, and this is no pod with a service account token; name a kubeconfig with --kubeconfig`,
  );
}

/**
 * One configuration of one or more kubeconfig files, with a context to use. Of two things of one name the first counts, as
 * kubectl has it; so does the first current context.
 *
 * @throws Error naming the file, the cause and what to do.
 */
export function loadKubeconfig(files: readonly string[], context?: string): KubeConfig {
  const parts = files.map(readKubeconfig);
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: firstOfEachName(parts.flatMap(({ clusters }) => clusters)),
    users: firstOfEachName([...parts.flatMap(({ users }) => users), NOBODY]),
    contexts: firstOfEachName(parts.flatMap(({ contexts }) => contexts)).map(giveUser),
    currentContext: context ?? parts.map(({ currentContext }) => currentContext).find(Boolean),
  });
  const where = `kubeconfig ${files.join(', ')}`;
  checkContext(config, where);
  checkCluster(config, where);
  return config;
}

/** Whom a context without a user logs in as. Without any, client-node would forget the CA of the cluster as well. */
const NOBODY: User = { name: '' };

function giveUser(context: Context): Context {
  return { ...context, user: (context.user as unknown) === undefined ? NOBODY.name : context.user };
}

function firstOfEachName<Named extends { name: string }>(all: readonly Named[]): readonly Named[] {
  return [...new Map(all.toReversed().map((each) => [each.name, each])).values()].toReversed();
}

function readKubeconfig(file: string): KubeConfig {
  const config = new KubeConfig();
  try {
    config.loadFromFile(file);
    return config;
  } catch (error) {
    throw new Error(`cannot read kubeconfig ${file}: ${describeCause(error)}`);
  }
}

/** Never with the text of the file in it: a YAML parser shows the lines around its complaint, and a token may be on them. */
function describeCause(error: unknown): string {
  if (!(error instanceof Error) || error instanceof TypeError) return 'it holds no kubeconfig';
  if (error.name === 'YAMLException') {
    const line = readPath(error, 'mark', 'line');
    return typeof line === 'number' ? `it is not YAML, see line ${line + 1}` : 'it is not YAML';
  }
  return escapeUnprintable(error.message);
}

function checkContext(config: KubeConfig, where: string): void {
  const wanted = config.getCurrentContext() as string | undefined;
  const contexts = config.getContexts();
  const choice = contexts.length === 0 ? 'it has none' : `it has ${contexts.map(({ name }) => show(name)).join(', ')}`;
  if (wanted === undefined) throw new Error(`${where} has no current context; name one with --context: ${choice}`);
  const context = config.getContextObject(wanted);
  if (context === null)
    throw new Error(`${where} has no context ${show(wanted)}; name another with --context: ${choice}`);
  if (config.getUser(context.user) === null)
    throw new Error(`context ${show(wanted)} of ${where} names user ${show(context.user)}, which is not in it`);
  if (config.getCluster(context.cluster) === null)
    throw new Error(`context ${show(wanted)} of ${where} names cluster ${show(context.cluster)}, which is not in it`);
}

function checkCluster(config: KubeConfig, where: string): void {
  const cluster = config.getCurrentCluster();
  const problem = cluster === null ? undefined : describeAddress(cluster);
  if (problem !== undefined) throw new Error(`cluster ${show(cluster?.name)} of ${where} cannot be used: ${problem}`);
}

/** What is wrong with the addresses of a cluster. Nothing is shown of a proxy's, as there may be a password in it. */
function describeAddress({ server, skipTLSVerify, proxyUrl }: Cluster): string | undefined {
  if (!/^https?:\/\/[^/]/.test(server) || !URL.canParse(server))
    return `its server is ${quote(server)}, but should be an address such as https://10.0.0.1:6443`;
  if (server.startsWith('http:') && !skipTLSVerify)
    return `its server ${quote(server)} is not encrypted; use https, or set insecure-skip-tls-verify: true if that is meant`;
  return URL.canParse(proxyUrl ?? server) ? undefined : 'its proxy-url is no address, such as http://10.0.0.1:3128';
}

/** Names are texts by the types of client-node, and whatever YAML makes of them in truth. */
function show(name: unknown): string {
  return quote(String(name));
}
