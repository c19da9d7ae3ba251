import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { type Cluster, type Context, KubeConfig, type User } from '@kubernetes/client-node';
import { readPath } from '../../text/json.ts';
import { escapeUnprintable, quote } from '../../text/quote.ts';
import { isInCluster, type ApiServer } from './api-server.ts';
import { createApiServer } from './fetch-api-server.ts';

export type ConnectOptions = Readonly<{
  /** A kubeconfig file; otherwise the Pod's own ServiceAccount, `$KUBECONFIG` or `~/.kube/config`, in this order. */
  kubeconfig?: string | undefined;
  /** A context of the kubeconfig; its current one by default. A ServiceAccount has none. */
  context?: string | undefined;
}>;

/**
 * The API server to use. Sends no request yet.
 *
 * @throws Error with the kubeconfig and the cause.
 */
export function connectToCluster({ kubeconfig, context }: ConnectOptions = {}): ApiServer {
  if (kubeconfig === undefined && context === undefined && isInCluster()) {
    const config = new KubeConfig();
    // Reads the token again when it is rotated.
    config.loadFromCluster();
    return createApiServer(config);
  }
  const files = kubeconfig === undefined ? findKubeconfigs() : [kubeconfig];
  return createApiServer(loadKubeconfig(files, context));
}

/** As in kubectl: those files of `$KUBECONFIG` that exist. client-node would fall back to http://localhost:8080. */
function findKubeconfigs(): readonly string[] {
  const named = (process.env['KUBECONFIG'] ?? '').split(delimiter).filter((file) => file !== '');
  const wanted = named.length > 0 ? named : [join(homedir(), '.kube', 'config')];
  const found = wanted.filter((file) => existsSync(file));
  if (found.length > 0) return found;
  const missing =
    named.length > 0
      ? `no file of KUBECONFIG exists (${named.join(', ')})`
      : `KUBECONFIG is not set, and ${wanted.join()} does not exist`;
  throw new Error(
    `no cluster configured: ${missing}, and no service account token was found: give a file with --kubeconfig`,
  );
}

/**
 * Merges one or more kubeconfig files, and selects a context. If two entries have the same name, the first one counts, as in
 * kubectl; the same for the current context.
 *
 * @throws Error with the file, the cause and what to do.
 */
export function loadKubeconfig(files: readonly string[], context?: string): KubeConfig {
  const parts = files.map(readKubeconfig);
  const config = new KubeConfig();
  config.loadFromOptions({
    clusters: firstOfEachName(parts.flatMap(({ clusters }) => clusters)),
    users: firstOfEachName([...parts.flatMap(({ users }) => users), ANONYMOUS]),
    contexts: firstOfEachName(parts.flatMap(({ contexts }) => contexts)).map(giveUser),
    currentContext: context ?? parts.map(({ currentContext }) => currentContext).find(Boolean),
  });
  const where = `kubeconfig ${files.join(', ')}`;
  checkContext(config, where);
  checkCluster(config, where);
  return config;
}

/** The user of a context without one. Without any user, client-node would ignore the CA of the cluster as well. */
const ANONYMOUS: User = { name: '' };

function giveUser(context: Context): Context {
  return { ...context, user: (context.user as unknown) === undefined ? ANONYMOUS.name : context.user };
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

/** Never with the content of the file: a YAML parser shows the lines around an error, which may contain a token. */
function describeCause(error: unknown): string {
  if (!(error instanceof Error) || error instanceof TypeError) return 'it is not a kubeconfig';
  if (error.name === 'YAMLException') {
    const line = readPath(error, 'mark', 'line');
    return typeof line === 'number' ? `it is not valid YAML, see line ${line + 1}` : 'it is not valid YAML';
  }
  return escapeUnprintable(error.message);
}

function checkContext(config: KubeConfig, where: string): void {
  const wanted = config.getCurrentContext() as string | undefined;
  const contexts = config.getContexts();
  const choice = contexts.length === 0 ? 'it has none' : `it has ${contexts.map(({ name }) => show(name)).join(', ')}`;
  if (wanted === undefined) throw new Error(`${where} has no current context (${choice}): choose one with --context`);
  const context = config.getContextObject(wanted);
  if (context === null)
    throw new Error(`${where} has no context ${show(wanted)} (${choice}): choose another with --context`);
  if (config.getUser(context.user) === null)
    throw new Error(
      `context ${show(wanted)} of ${where} uses the user ${show(context.user)}, which does not exist there: fix the kubeconfig`,
    );
  if (config.getCluster(context.cluster) === null)
    throw new Error(
      `context ${show(wanted)} of ${where} uses the cluster ${show(context.cluster)}, which does not exist there: fix the kubeconfig`,
    );
}

function checkCluster(config: KubeConfig, where: string): void {
  const cluster = config.getCurrentCluster();
  const problem = cluster === null ? undefined : describeAddress(cluster);
  if (problem !== undefined) throw new Error(`cluster ${show(cluster?.name)} of ${where} cannot be used: ${problem}`);
}

/** What is wrong with the URLs of a cluster. The URL of a proxy is not shown, as it may contain a password. */
function describeAddress({ server, skipTLSVerify, proxyUrl }: Cluster): string | undefined {
  if (!/^https?:\/\/[^/]/.test(server) || !URL.canParse(server))
    return `its server ${quote(server)} is not a URL: use one such as https://10.0.0.1:6443`;
  if (server.startsWith('http:') && !skipTLSVerify)
    return `its server ${quote(server)} is not encrypted: use https, or set insecure-skip-tls-verify: true to allow that`;
  return URL.canParse(proxyUrl ?? server)
    ? undefined
    : 'its proxy-url is not a URL: use one such as http://10.0.0.1:3128';
}

/** Names are strings in the types of client-node, but may be any YAML value. */
function show(name: unknown): string {
  return quote(String(name));
}
